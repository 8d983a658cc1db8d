import { pipeline } from "node:stream/promises";
import type { Bucket, File } from "@google-cloud/storage";
import { JobFailure } from "../job-failure.ts";
import { readRange } from "../read-range.ts";
import { toStorageFailure } from "../storage-failure.ts";
import type { Archive } from "./archive-reply.ts";
import { Md5Sink } from "./md5-sink.ts";

export interface ProofDeps {
  bucket: Bucket;
  md5Worker: URL;
  signal: AbortSignal;
}

/**
 * Proves that the files, joined in order, are what Kaggle promised: by the CRC32C that follows from theirs, which costs
 * nothing, or, where Kaggle tells only an MD5, by reading them back. Throws a JobFailure if they are not.
 */
export async function proveContent(archive: Archive, crc32c: string, files: File[], deps: ProofDeps): Promise<void> {
  const [promised, found] =
    archive.crc32c === undefined ? [archive.md5, await md5Of(files, deps)] : [archive.crc32c, crc32c];
  if (promised === found) return;
  throw new JobFailure(
    "checksum_mismatch",
    `What arrived is not what Kaggle promised (checksum ${found}, not ${promised}).`,
    { retryable: true },
  );
}

/** Kaggle's download must carry a checksum: without one nobody could tell a damaged archive from a good one. */
export function requireChecksum(archive: Archive): void {
  if (archive.crc32c !== undefined || archive.md5 !== undefined) return;
  throw new JobFailure(
    "checksum_missing",
    "Kaggle tells no checksum of this archive, so it cannot be verified. Choose another one.",
  );
}

/** Parts are this run's own, so that only an impatient cleanup can have taken one. */
function toVanished(cause: unknown): JobFailure {
  return new JobFailure("storage_unavailable", "A part of the archive is no longer in the bucket.", {
    retryable: true,
    cause,
  });
}

async function md5Of(files: File[], { bucket, md5Worker, signal }: ProofDeps): Promise<string> {
  const sink = new Md5Sink(md5Worker);
  try {
    for (const file of files) {
      const size = Number((await file.getMetadata())[0].size);
      await pipeline(readRange(file, 0, size, { signal, onMissing: toVanished }), sink, { end: false, signal });
    }
    sink.end();
    return await sink.digest;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof JobFailure) throw error;
    throw sink.threadError ?? toStorageFailure(error, bucket.name);
  } finally {
    sink.destroy();
  }
}
