import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { File } from "@google-cloud/storage";
import { JobFailure } from "../job-failure.ts";
import { toStorageFailure } from "../storage-failure.ts";
import { QueryFailure } from "./query-failure.ts";

export interface StoredResult {
  bytes: number;
  /** SHA-256 of the object, in hex. */
  hash: string;
}

export interface StoreOptions {
  contentType: string;
  maxBytes: number;
  signal: AbortSignal;
}

/** Up to here one request carries it all. */
const AT_ONCE_BYTES = 4 * 1024 * 1024;
const CHUNK_BYTES = 8 * 1024 * 1024;

/** Writes a result into its object, which appears when it is whole; a result that is too large never does. */
export async function storeResult(
  file: File,
  content: AsyncIterable<Buffer>,
  { contentType, maxBytes, signal }: StoreOptions,
): Promise<StoredResult> {
  const hash = createHash("sha256");
  let bytes = 0;
  async function* measured() {
    for await (const chunk of content) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooManyBytes(maxBytes);
      hash.update(chunk);
      yield chunk;
    }
  }
  const source = measured();
  const first: Buffer[] = [];
  while (bytes < AT_ONCE_BYTES) {
    const { done, value } = await source.next();
    if (done === true) {
      await callFile(file, signal, () =>
        file.save(Buffer.concat(first), { resumable: false, validation: "crc32c", metadata: { contentType } }),
      );
      return { bytes, hash: hash.digest("hex") };
    }
    first.push(value);
  }
  await storeStream(file, join(first, source), { contentType, signal });
  return { bytes, hash: hash.digest("hex") };
}

export function tooManyBytes(maxBytes: number): QueryFailure {
  return new QueryFailure(
    "result_too_large",
    `The result is larger than the ${maxBytes} bytes that it may be. Select fewer rows or columns, or aggregate.`,
  );
}

async function storeStream(
  file: File,
  content: AsyncIterable<Buffer>,
  { contentType, signal }: { contentType: string; signal: AbortSignal },
): Promise<void> {
  const sink = file.createWriteStream({
    resumable: true,
    chunkSize: CHUNK_BYTES,
    validation: "crc32c",
    metadata: { contentType },
  });
  await callFile(file, signal, () => pipeline(Readable.from(content, { objectMode: false }), sink, { signal }));
}

async function* join(first: Buffer[], rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield* first;
  yield* rest;
}

/** What the content throws is told apart from what the bucket does. */
async function callFile<T>(file: File, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof QueryFailure || error instanceof JobFailure) throw error;
    throw toStorageFailure(error, file.bucket.name);
  }
}
