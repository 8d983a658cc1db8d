import type { MiddlewareHandler } from "hono";
import { CorralError } from "../errors.ts";

/** So much of a body that is refused is read, for so long at most. */
const DROPPED_BYTES = 64 * 1024 * 1024;
const DROP_MS = 5000;

type Reader = ReadableStreamDefaultReader<Uint8Array>;

/**
 * Refuses bodies of more bytes than that. What is left of one is read and dropped before the answer, within bounds: who
 * writes a body to its end before reading, as Python's urllib does, would else find the connection broken, not refused.
 */
export function limitBody(maxBytes: number, tooLarge?: string): MiddlewareHandler {
  return async (c, next) => {
    const length = c.req.header("content-length");
    const isKnown = length !== undefined && c.req.header("transfer-encoding") === undefined;
    // Asking for the body makes a stream of it; a length that says that it is small is believed as is.
    if (isKnown && Number.parseInt(length, 10) <= maxBytes) return next();
    const reader = c.req.raw.body?.getReader();
    if (reader === undefined) return next();
    const body = isKnown ? undefined : await readUpTo(reader, maxBytes);
    if (body === undefined) {
      await drop(reader);
      throw new CorralError("body_too_large", tooLarge);
    }
    c.req.raw = new Request(c.req.raw, { body });
    return next();
  };
}

/** A body of unknown length; undefined once it turns out to be too long. */
async function readUpTo(reader: Reader, maxBytes: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    size += next.value.length;
    if (size > maxBytes) return undefined;
    pieces.push(next.value);
  }
  const body = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    body.set(piece, at);
    at += piece.length;
  }
  return body;
}

async function drop(reader: Reader): Promise<void> {
  const limit = setTimeout(() => reader.cancel().catch(() => undefined), DROP_MS);
  try {
    let bytes = 0;
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      bytes += next.value.length;
      if (bytes > DROPPED_BYTES) return await reader.cancel();
    }
  } catch {
    // A client that goes away before it hears why is no failure of ours.
  } finally {
    clearTimeout(limit);
  }
}
