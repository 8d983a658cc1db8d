import { createHash } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { TokenBucket } from "../token-bucket.ts";
import type { Blob } from "./blob-store.ts";
import type { Content, Hashes } from "./content.ts";
import { type Fault, findFault } from "./faults.ts";

export interface SendOptions {
  faults: Fault[];
  /** What the bytes have to pass through; undefined when unshaped. */
  bucket: TokenBucket | undefined;
}

interface Range {
  start: number;
  end: number;
}

/** Sends an object of the bucket, or the range asked for, as Cloud Storage does; resolves when the reply has ended. */
export async function serveBlob(
  req: IncomingMessage,
  res: ServerResponse,
  blob: Blob,
  { faults, bucket }: SendOptions,
): Promise<void> {
  const { size } = blob.content;
  const ranged = findFault(faults, "no_range") === undefined;
  const headers = await describe(blob, faults);
  const range =
    ranged && isSame(req.headers["if-range"]?.toString(), headers) ? parseRange(req.headers.range, size) : undefined;
  if (ranged) headers["accept-ranges"] = "bytes";
  if (range === "unsatisfiable") {
    res.writeHead(416, { "content-range": `bytes */${size}`, "content-length": 0 }).end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: size };
  headers["content-length"] = end - start;
  if (range !== undefined) headers["content-range"] = `bytes ${start}-${end - 1}/${size}`;
  res.writeHead(range === undefined ? 200 : 206, headers);
  const corrupt = findFault(faults, "corrupt");
  const content = corrupt === undefined ? blob.content : corrupted(blob.content, corrupt.at);
  const cut = findFault(faults, "reset") ?? findFault(faults, "stall");
  const limit = cut === undefined ? end : Math.min(end, start + cut.afterBytes);
  await sendPieces(res, content.read(start, limit), bucket);
  if (cut === undefined) res.end();
  else if (cut.kind === "reset") req.socket.write("", () => req.socket.resetAndDestroy());
}

async function describe(blob: Blob, faults: Fault[]): Promise<Record<string, string | number>> {
  const generation = blob.generation + (findFault(faults, "new_generation") === undefined ? 0 : 1);
  const hashes = await blob.content.hashes();
  const hash = toGoogHash(findFault(faults, "wrong_hash") === undefined ? hashes : hashesOfOther(), faults);
  return {
    "content-type": blob.contentType,
    "content-disposition": `attachment; filename="${encodeURIComponent(blob.fileName)}"`,
    "last-modified": blob.lastModified.toUTCString(),
    etag: `"${createHash("md5").update(`${hashes.crc32c}/${generation}`).digest("hex")}"`,
    "x-goog-generation": generation,
    "x-goog-metageneration": 1,
    "x-goog-stored-content-encoding": "identity",
    "x-goog-stored-content-length": blob.content.size,
    ...(hash === "" ? {} : { "x-goog-hash": hash }),
  };
}

function toGoogHash({ crc32c, md5 }: Hashes, faults: Fault[]): string {
  const omit = findFault(faults, "no_hash")?.omit;
  const kept: string[] = [];
  if (omit !== "crc32c" && omit !== "both") kept.push(`crc32c=${crc32c}`);
  if (md5 !== undefined && omit !== "md5" && omit !== "both") kept.push(`md5=${md5}`);
  return kept.join(",");
}

function hashesOfOther(): Hashes {
  return { crc32c: "AAAAAA==", md5: createHash("md5").update("other").digest("base64") };
}

/** Whether the object is still what `If-Range` names, by its ETag or its date; what does not ask is content. */
function isSame(ifRange: string | undefined, headers: Record<string, string | number>): boolean {
  return ifRange === undefined || ifRange === headers.etag || ifRange === headers["last-modified"];
}

/** One range of bytes, as [start, end); several are answered with everything, as the real bucket does. */
function parseRange(header: string | undefined, size: number): Range | "unsatisfiable" | undefined {
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(header ?? "") ?? [];
  if (first === "" && last === "") return undefined;
  if (first === "") {
    const suffix = Math.min(Number(last), size);
    return suffix === 0 ? "unsatisfiable" : { start: size - suffix, end: size };
  }
  const start = Number(first);
  const end = last === "" ? size : Math.min(Number(last) + 1, size);
  if (last !== "" && Number(last) < start) return undefined;
  return start >= size ? "unsatisfiable" : { start, end };
}

/** The same content but for one byte. */
function corrupted(content: Content, at: number): Content {
  return {
    ...content,
    *read(start, end) {
      let position = start;
      for (const piece of content.read(start, end)) {
        const offset = at - position;
        position += piece.byteLength;
        if (offset < 0 || offset >= piece.byteLength) yield piece;
        else yield Uint8Array.from(piece, (byte, index) => (index === offset ? byte ^ 0xff : byte));
      }
    },
  };
}

/** Writes no faster than the client reads, nor than the bucket lets; stops when the client leaves. */
async function sendPieces(
  res: ServerResponse,
  pieces: Iterable<Uint8Array>,
  bucket: TokenBucket | undefined,
): Promise<void> {
  if (res.closed) return;
  const left = new AbortController();
  const leave = () => left.abort();
  res.once("close", leave);
  try {
    for (const piece of pieces) {
      const step = bucket?.pieceBytes ?? piece.byteLength;
      for (let at = 0; at < piece.byteLength; at += step) {
        const part = piece.subarray(at, at + step);
        await bucket?.take(part.byteLength, left.signal);
        if (!res.write(part)) await once(res, "drain", { signal: left.signal });
      }
    }
  } catch (error) {
    if (!left.signal.aborted) throw error;
  } finally {
    res.off("close", leave);
  }
}
