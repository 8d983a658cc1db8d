import type { Bucket, File } from "@google-cloud/storage";
import { z } from "zod";
import { JobFailure } from "../job-failure.ts";
import { readRange } from "../read-range.ts";
import { isNotFound, toStorageFailure } from "../storage-failure.ts";

/** An object of our bucket as it was when it was found: whoever overwrites it later changes nothing here. */
export interface DataObject {
  file: File;
  generation: string;
  size: number;
  /** What whoever stored it noted on it. */
  notes: Record<string, unknown>;
}

const objectMetadata = z.object({
  generation: z.coerce.string(),
  size: z.coerce.number(),
  metadata: z.record(z.string(), z.unknown()).default({}),
});

/** Finds an object; undefined when there is none. */
export async function findObject(bucket: Bucket, name: string): Promise<DataObject | undefined> {
  try {
    const [metadata] = await bucket.file(name).getMetadata();
    const { generation, size, metadata: notes } = objectMetadata.parse(metadata);
    return { file: bucket.file(name, { generation }), generation, size, notes };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw toStorageFailure(error, bucket.name);
  }
}

/** Streams the bytes [start, end) of an object; whatever breaks on the way is taken up where it broke. */
export function readObject(
  { file }: DataObject,
  start: number,
  end: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  return readRange(file, start, end, { signal, onMissing: () => changed(file) });
}

function changed(file: File): JobFailure {
  const message = `gs://${file.bucket.name}/${file.name} was replaced or deleted while it was read.`;
  return new JobFailure("source_changed", message, { retryable: true });
}
