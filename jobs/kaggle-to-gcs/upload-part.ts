import { finished } from "node:stream/promises";
import type { Bucket, File, FileMetadata } from "@google-cloud/storage";
import { JobFailure } from "../job-failure.ts";
import { RetryBudget } from "../retry-budget.ts";
import { isNotFound, isPreconditionFailed, isTransientStorageError, toStorageFailure } from "../storage-failure.ts";
import type { PlannedPart } from "./plan-parts.ts";
import type { Source } from "./source.ts";

/** A part that is in the bucket, with the checksum that both sides agree on. */
export interface StoredPart extends PlannedPart {
  file: File;
  crc32c: string;
}

export interface UploadDeps {
  bucket: Bucket;
  source: Source;
  /** Counts bytes as they move; negative when a part has to be taken back and moved again. */
  onBytes: (count: number) => void;
  signal: AbortSignal;
}

/** A part that moves nothing for so long hangs somewhere that no error will come from. */
const PATIENCE_MS = 180_000;

/** Moves one part from Kaggle into its object, again from the part's start when Cloud Storage fails midway. */
export async function uploadPart(part: PlannedPart, objectName: string, deps: UploadDeps): Promise<StoredPart> {
  const { bucket, signal } = deps;
  const giveUp = (cause: unknown) => toStorageFailure(cause, bucket.name);
  const budget = new RetryBudget(signal, giveUp);
  for (;;) {
    let moved = 0;
    const onBytes = (count: number) => {
      moved += count;
      deps.onBytes(count);
    };
    try {
      return await tryUpload(part, bucket.file(objectName), { ...deps, onBytes });
    } catch (error) {
      deps.onBytes(-moved);
      signal.throwIfAborted();
      if (error instanceof JobFailure) throw error;
      if (!isTransientStorageError(error)) throw giveUp(error);
      await budget.spend(error);
    }
  }
}

/**
 * One multipart request per part. The SDK's resumable upload would keep a copy of what it sends so as to send it again;
 * a part is cheaper to read again, and this way its bytes only pass through. The SDK compares our CRC32C with the
 * one that Cloud Storage computed, and deletes the object when they differ.
 */
async function tryUpload(part: PlannedPart, file: File, { source, onBytes, signal }: UploadDeps): Promise<StoredPart> {
  const hung = new AbortController();
  const watchdog = setTimeout(() => hung.abort(), PATIENCE_MS);
  const either = AbortSignal.any([signal, hung.signal]);
  const sink = file.createWriteStream({
    resumable: false,
    validation: "crc32c",
    metadata: { contentType: "application/octet-stream" },
    preconditionOpts: { ifGenerationMatch: 0 },
  });
  const done = finished(sink, { signal: either });
  done.catch(() => undefined);
  try {
    await source.copy(part.start, part.end, sink, {
      signal: either,
      onBytes: (count) => {
        watchdog.refresh();
        onBytes(count);
      },
    });
    sink.end();
    await done;
    return toStoredPart(part, file, file.metadata);
  } catch (error) {
    // An attempt that was replaced, but does not know it yet, got there first: same name, same bytes.
    if (isPreconditionFailed(error)) return await findPart(part, file);
    throw error;
  } finally {
    clearTimeout(watchdog);
    sink.destroy();
  }
}

/** Finds a part that was there a moment ago. That it is gone again is no lasting state: whoever wrote it composed it. */
async function findPart(part: PlannedPart, file: File): Promise<StoredPart> {
  try {
    const [metadata] = await file.getMetadata();
    return toStoredPart(part, file, metadata);
  } catch (error) {
    throw isNotFound(error) ? new Error(`${file.name} came and went`, { cause: error }) : error;
  }
}

/** Takes an object for a part if it is as long as the part. */
export function toStoredPart(part: PlannedPart, file: File, { size, crc32c }: FileMetadata): StoredPart {
  if (Number(size) !== part.end - part.start || crc32c === undefined)
    throw new Error(`${file.name} has ${size} bytes instead of ${part.end - part.start}`);
  return { ...part, file, crc32c };
}
