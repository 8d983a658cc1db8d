import { addAbortSignal } from "node:stream";
import type { Bucket, File } from "@google-cloud/storage";
import { z } from "zod";
import { JobFailure } from "../job-failure.ts";
import { RetryBudget } from "../retry-budget.ts";
import { isNotFound, isTransientStorageError, toStorageFailure } from "../storage-failure.ts";

/** An object of our bucket as it was when it was found: whoever overwrites it later changes nothing here. */
export interface DataObject {
  file: File;
  generation: string;
  size: number;
  /** What whoever stored it noted on it. */
  notes: Record<string, unknown>;
}

/** No byte for so long is a connection that is dead. */
const PATIENCE_MS = 60_000;

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
export async function* readRange(
  { file }: DataObject,
  start: number,
  end: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const budget = new RetryBudget(signal, (cause) => toStorageFailure(cause, file.bucket.name));
  let position = start;
  while (position < end) {
    try {
      for await (const chunk of openRange(file, position, end, signal)) {
        position += chunk.length;
        budget.renew();
        yield chunk;
      }
      if (position < end) throw new Error(`${file.name} ended at byte ${position} instead of ${end}`);
    } catch (error) {
      signal.throwIfAborted();
      if (isNotFound(error)) throw changed(file);
      if (!isTransientStorageError(error)) throw toStorageFailure(error, file.bucket.name);
      await budget.spend(error);
    }
  }
}

async function* openRange(file: File, start: number, end: number, signal: AbortSignal): AsyncGenerator<Buffer> {
  const stream = file.createReadStream({ start, end: end - 1, validation: false, decompress: false });
  addAbortSignal(signal, stream);
  const expectMore = () =>
    setTimeout(() => stream.destroy(new Error(`${file.name} was silent for a minute`)), PATIENCE_MS);
  let watchdog = expectMore();
  try {
    for await (const chunk of stream) {
      // Whoever reads slowly is not to blame the connection for it.
      clearTimeout(watchdog);
      yield chunk;
      watchdog = expectMore();
    }
  } finally {
    clearTimeout(watchdog);
    stream.destroy();
  }
}

function changed(file: File): JobFailure {
  const message = `gs://${file.bucket.name}/${file.name} was replaced or deleted while it was read.`;
  return new JobFailure("source_changed", message, { retryable: true });
}
