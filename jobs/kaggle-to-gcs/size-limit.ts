import { JobFailure } from "../job-failure.ts";

const BYTES_PER_GB = 1e9;

/** Whole bytes, and no more than a number holds exactly: Kaggle takes nothing else. */
export function toBytes(gigabytes: number): number {
  return Math.min(Math.floor(gigabytes * BYTES_PER_GB), Number.MAX_SAFE_INTEGER);
}

/** Refuses an archive that is larger than its project allows; only the download tells how large it really is. */
export function requireSize(ref: string, bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return;
  const gigabytes = (value: number) => `${(value / BYTES_PER_GB).toFixed(2)} GB`;
  throw new JobFailure(
    "dataset_too_large",
    `Cannot ingest ${ref}: it has ${gigabytes(bytes)}, and the project allows ${gigabytes(maxBytes)}. Raise max_dataset_size_gb or choose another one.`,
  );
}
