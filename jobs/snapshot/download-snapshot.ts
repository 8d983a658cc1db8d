import { type FileHandle, open, rename, rm } from "node:fs/promises";
import type { Bucket, File } from "@google-cloud/storage";
import { z } from "zod";
import { JobFailure } from "../job-failure.ts";
import { readRange } from "../read-range.ts";
import { sideBySide } from "../side-by-side.ts";
import { isNotFound, toStorageFailure } from "../storage-failure.ts";
import { fileCrc32c } from "./file-crc32c.ts";

export interface DownloadSnapshotOptions {
  bucket: Bucket;
  /** The snapshot's folder in the bucket, without a slash at its end. */
  folder: string;
  /** Which of its files; table.duckdb when left out. */
  name?: string;
  /** Where the file is put; it appears there whole or not at all. */
  path: string;
  signal: AbortSignal;
  onBytes?: (count: number) => void;
}

/** One connection gets a part of what a machine's network can carry. */
const CONNECTIONS = 4;
const RANGE_BYTES = 32 * 1024 * 1024;

const stored = z.object({ size: z.coerce.number(), crc32c: z.string(), generation: z.coerce.string() });

/** Fetches a snapshot's file and proves it by its CRC32C. */
export async function downloadSnapshot(options: DownloadSnapshotOptions): Promise<{ bytes: number }> {
  const { bucket, folder, name = "table.duckdb", path, signal } = options;
  const found = bucket.file(`${folder}/${name}`);
  const { size, crc32c, generation } = await describe(found);
  const file = bucket.file(found.name, { generation });
  const partial = `${path}.partial`;
  try {
    const handle = await open(partial, "w");
    try {
      await fetchRanges(file, handle, size, options);
    } finally {
      await handle.close();
    }
    if ((await fileCrc32c(partial, signal)) !== crc32c)
      throw unreadable(found, "arrived with other bytes than are stored", undefined, true);
    await rename(partial, path);
    return { bytes: size };
  } finally {
    await rm(partial, { force: true });
  }
}

async function describe(file: File): Promise<z.output<typeof stored>> {
  try {
    const [metadata] = await file.getMetadata();
    return stored.parse(metadata);
  } catch (error) {
    throw isNotFound(error) ? unreadable(file, "is not there", error) : toStorageFailure(error, file.bucket.name);
  }
}

async function fetchRanges(
  file: File,
  handle: FileHandle,
  size: number,
  { signal, onBytes }: DownloadSnapshotOptions,
): Promise<void> {
  const onMissing = (cause: unknown) => unreadable(file, "is not there any more", cause);
  let next = 0;
  // The file must not be closed under what is still being written.
  await sideBySide(CONNECTIONS, signal, async (either) => {
    while (next < size) {
      let position = next;
      const end = Math.min(size, position + RANGE_BYTES);
      next = end;
      for await (const chunk of readRange(file, position, end, { signal: either, onMissing })) {
        await writeAll(handle, chunk, position);
        position += chunk.length;
        onBytes?.(chunk.length);
      }
    }
  });
}

async function writeAll(handle: FileHandle, chunk: Buffer, position: number): Promise<void> {
  let written = 0;
  while (written < chunk.length) {
    const { bytesWritten } = await handle.write(chunk, written, chunk.length - written, position + written);
    written += bytesWritten;
  }
}

function unreadable(file: File, why: string, cause: unknown, retryable = false): JobFailure {
  const message = `gs://${file.bucket.name}/${file.name} ${why}.`;
  return new JobFailure("snapshot_unreadable", message, { retryable, cause });
}
