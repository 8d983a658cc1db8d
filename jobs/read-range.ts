import { addAbortSignal } from "node:stream";
import type { File } from "@google-cloud/storage";
import type { JobFailure } from "./job-failure.ts";
import { RetryBudget } from "./retry-budget.ts";
import { isNotFound, isTransientStorageError, toStorageFailure } from "./storage-failure.ts";

export interface ReadOptions {
  signal: AbortSignal;
  /** What it means that the object, in the generation that the file names, is not there. */
  onMissing: (cause: unknown) => JobFailure;
  /** For how long a connection may be silent before it counts as broken. */
  patienceMs?: number;
}

const PATIENCE_MS = 60_000;

/** Streams the bytes [start, end) of an object; whatever breaks on the way is taken up where it broke. */
export async function* readRange(file: File, start: number, end: number, options: ReadOptions): AsyncGenerator<Buffer> {
  const { signal, onMissing } = options;
  const budget = new RetryBudget(signal, (cause) => toStorageFailure(cause, file.bucket.name));
  let position = start;
  while (position < end) {
    let broken: unknown;
    try {
      for await (const chunk of openRange(file, position, end, options)) {
        position += chunk.length;
        budget.renew();
        yield chunk;
      }
      broken = new Error(`${file.name} ended at byte ${position} of ${end}`);
    } catch (error) {
      signal.throwIfAborted();
      if (isNotFound(error)) throw onMissing(error);
      if (!isTransientStorageError(error)) throw toStorageFailure(error, file.bucket.name);
      broken = error;
    }
    if (position < end) await budget.spend(broken);
  }
}

/**
 * One request's bytes. Of a connection that breaks the SDK says nothing (node-fetch 2 passes on no error of a body
 * whose length is known), so that only its silence tells.
 */
async function* openRange(
  file: File,
  start: number,
  end: number,
  { signal, patienceMs = PATIENCE_MS }: ReadOptions,
): AsyncGenerator<Buffer> {
  const stream = file.createReadStream({ start, end: end - 1, validation: false, decompress: false });
  addAbortSignal(signal, stream);
  const expectMore = () => setTimeout(() => stream.destroy(new Error(`${file.name} fell silent`)), patienceMs);
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
