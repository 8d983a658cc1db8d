import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { constants, createGunzip, type Gunzip, type InflateRaw } from "node:zlib";
import { JobFailure } from "../job-failure.ts";
import { type DataObject, readObject } from "./data-object.ts";
import { requireInflation } from "./require-inflation.ts";

/** Bytes that can be read from their start as often as need be, always the same. */
export interface ByteSource {
  /** For messages. */
  name: string;
  /** Changes whenever the bytes do. */
  identity: string;
  /** What one reading counts up to; compressed data counts as it lies there. */
  countedBytes: number;
  /** The first bytes, about so many, or all if there are fewer. */
  head(size: number): Promise<Buffer>;
  /** Streams all bytes; `onBytes` counts. */
  open(onBytes: (count: number) => void): AsyncIterable<Buffer>;
  /** Reads from anywhere, where that is possible. */
  range?: { byteLength: number; read(start: number, end: number): AsyncIterable<Buffer> };
}

/** Bytes that can be read from anywhere. */
export type RangedSource = ByteSource & Required<Pick<ByteSource, "range">>;

/** For inflating what ends before its end. */
export const UNFINISHED = { finishFlush: constants.Z_SYNC_FLUSH };

/** An object of the bucket as it is. */
export function objectSource(name: string, object: DataObject, signal: AbortSignal): RangedSource {
  const { size, file, generation } = object;
  return {
    name,
    identity: `gs://${file.bucket.name}/${file.name}#${generation}`,
    countedBytes: size,
    // A stream that is left before its end would cost the SDK's next request two seconds.
    head: (bytes) => buffer(readObject(object, 0, Math.min(bytes, size), signal)),
    open: (onBytes) => counted(readObject(object, 0, size, signal), onBytes),
    range: { byteLength: size, read: (start, end) => readObject(object, start, end, signal) },
  };
}

/** What a gzip file holds. */
export function gunzipSource(source: ByteSource): ByteSource {
  const name = source.name.replace(/\.gz$/i, "");
  return {
    name,
    identity: `${source.identity}!gunzip`,
    countedBytes: source.countedBytes,
    head: async (size) => inflateHead(source.name, await source.head(size), createGunzip(UNFINISHED), size),
    open: (onBytes) => gunzip(source, onBytes),
  };
}

async function* gunzip(source: ByteSource, onBytes: (count: number) => void): AsyncGenerator<Buffer> {
  let taken = 0;
  let given = 0;
  const compressed = counted(source.open(onBytes), (count) => {
    taken += count;
  });
  const inflate = createGunzip();
  const input = Readable.from(compressed, { objectMode: false });
  input.once("error", (error) => inflate.destroy(error));
  input.pipe(inflate);
  try {
    for await (const chunk of inflate) {
      given += chunk.length;
      requireInflation(source.name, given, taken);
      yield chunk;
    }
  } catch (error) {
    throw isZlibError(error) ? broken(source.name, error) : error;
  } finally {
    input.destroy();
    inflate.destroy();
  }
}

/** Whether bytes could not be inflated, which no other reading of them can. */
export function isZlibError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && "code" in error && typeof error.code === "string" && /^Z_/.test(error.code);
}

async function* counted(bytes: AsyncIterable<Buffer>, onBytes: (count: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    onBytes(chunk.length);
    yield chunk;
  }
}

/** Inflates the beginning of compressed bytes. */
export async function inflateHead(
  name: string,
  bytes: Buffer,
  inflate: Gunzip | InflateRaw,
  size: number,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let read = 0;
  inflate.end(bytes);
  try {
    for await (const chunk of inflate) {
      chunks.push(chunk);
      read += chunk.length;
      if (read >= size) break;
    }
  } catch (error) {
    throw isZlibError(error) ? broken(name, error) : error;
  }
  return Buffer.concat(chunks).subarray(0, size);
}

function broken(name: string, cause: Error): JobFailure {
  return new JobFailure("archive_unreadable", `Cannot read ${name}: ${cause.message}. Store it anew.`, { cause });
}
