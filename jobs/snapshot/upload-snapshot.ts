import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Bucket, File } from "@google-cloud/storage";
import { JobFailure } from "../job-failure.ts";
import { RetryBudget } from "../retry-budget.ts";
import { callStorage, isPreconditionFailed, isTransientStorageError, toStorageFailure } from "../storage-failure.ts";
import { fileCrc32c } from "./file-crc32c.ts";

export interface UploadSnapshotOptions {
  bucket: Bucket;
  /** The snapshot's folder in the bucket, without a slash at its end. */
  folder: string;
  /** Holds table.duckdb, sample.json, profile.json and certificate.json. */
  dir: string;
  signal: AbortSignal;
  /** Counts bytes as they are sent; negative when some are sent again. */
  onBytes?: (count: number) => void;
}

const BINARY = "application/octet-stream";
const FILES: [name: string, contentType: string][] = [
  ["table.duckdb", BINARY],
  ["sample.json", "application/json"],
  ["profile.json", "application/json"],
  ["certificate.json", "application/json"],
];
/** What is under such a name never changes. */
const CACHE_CONTROL = "private, max-age=31536000, immutable";
const CHUNK_BYTES = 8 * 1024 * 1024;

/** Stores a snapshot's files under names that nobody overwrites; storing the same bytes twice is one upload. */
export async function uploadSnapshot(options: UploadSnapshotOptions): Promise<{ bytes: number }> {
  let bytes = 0;
  for (const [name, contentType] of FILES) bytes += await storeSnapshotFile({ ...options, name, contentType });
  return { bytes };
}

/** Stores one file of a snapshot in the same way; resolves to how many bytes it has. */
export async function storeSnapshotFile(
  options: UploadSnapshotOptions & { name: string; contentType?: string },
): Promise<number> {
  const { bucket, folder, dir, name, contentType = BINARY, signal, onBytes = () => undefined } = options;
  const file = bucket.file(`${folder}/${name}`);
  const path = join(dir, name);
  const { size } = await stat(path);
  const budget = new RetryBudget(signal, (cause) => toStorageFailure(cause, bucket.name));
  for (;;) {
    let sent = 0;
    try {
      await send(file, path, contentType, signal, (count) => {
        sent += count;
        onBytes(count);
      });
      return size;
    } catch (error) {
      signal.throwIfAborted();
      onBytes(-sent);
      if (isPreconditionFailed(error)) {
        await requireSame(file, path, size, signal);
        return size;
      }
      if (!isTransientStorageError(error)) throw toStorageFailure(error, bucket.name);
      await budget.spend(error);
    }
  }
}

/** The SDK compares our CRC32C with the one that Cloud Storage computed of what arrived. */
async function send(
  file: File,
  path: string,
  contentType: string,
  signal: AbortSignal,
  onBytes: (count: number) => void,
): Promise<void> {
  const sink = file.createWriteStream({
    resumable: true,
    chunkSize: CHUNK_BYTES,
    validation: "crc32c",
    metadata: { contentType, cacheControl: CACHE_CONTROL },
    preconditionOpts: { ifGenerationMatch: 0 },
  });
  async function* counted(chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      onBytes(chunk.length);
      yield chunk;
    }
  }
  await pipeline(createReadStream(path, { highWaterMark: CHUNK_BYTES }), counted, sink, { signal });
}

/** An upload whose answer was lost, or an earlier one of the same bytes, is as good as this one. */
async function requireSame(file: File, path: string, size: number, signal: AbortSignal): Promise<void> {
  const [stored] = await callStorage(file.bucket, () => file.getMetadata());
  if (Number(stored.size) === size && stored.crc32c === (await fileCrc32c(path, signal))) return;
  throw new JobFailure(
    "storage_contended",
    `gs://${file.bucket.name}/${file.name} is there already, with other bytes. A snapshot is never overwritten.`,
    { retryable: true },
  );
}
