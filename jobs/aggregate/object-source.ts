import type { File } from "@google-cloud/storage";
import { JobFailure } from "../job-failure.ts";
import { RetryBudget } from "../retry-budget.ts";
import { isNotFound, isTransientStorageError, toStorageFailure } from "../storage-failure.ts";

export interface SourceWatch {
  /** Counts bytes as they are read. */
  onBytes: (count: number) => void;
  signal: AbortSignal;
}

/** Bytes at places of their own, such as an object's. */
export interface ByteSource {
  readonly size: number;
  /** Bytes [start, end), all of them. */
  read(start: number, end: number): Promise<Buffer>;
  /** The same bytes as they come. */
  stream(start: number, end: number): AsyncGenerator<Buffer>;
}

const PATIENCE_MS = 60_000;

/** One generation of an object: what is written under its name meanwhile does not mix with it. */
export class ObjectSource implements ByteSource {
  readonly size: number;
  readonly #file: File;
  readonly #watch: SourceWatch;
  readonly #patienceMs: number;

  /** The file names its generation; a connection may be silent for so long before it counts as broken. */
  constructor(file: File, size: number, watch: SourceWatch, patienceMs = PATIENCE_MS) {
    this.#file = file;
    this.size = size;
    this.#watch = watch;
    this.#patienceMs = patienceMs;
  }

  async read(start: number, end: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.stream(start, end)) chunks.push(chunk);
    const [only] = chunks;
    return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, end - start);
  }

  /** What breaks on the way is taken up where it broke, so that the reader sees each byte once. */
  async *stream(start: number, end: number): AsyncGenerator<Buffer> {
    if (start < 0 || end > this.size) throw new RangeError(`bytes ${start} to ${end} of an object of ${this.size}`);
    const { onBytes, signal } = this.#watch;
    const budget = new RetryBudget(signal, (cause) => toStorageFailure(cause, this.#file.bucket.name));
    let position = start;
    while (position < end) {
      let broken: unknown;
      try {
        for await (const chunk of this.#open(position, end)) {
          signal.throwIfAborted();
          position += chunk.length;
          onBytes(chunk.length);
          budget.renew();
          yield chunk;
        }
        broken = new Error(`${this.#file.name} ended at byte ${position} of ${end}`);
      } catch (error) {
        signal.throwIfAborted();
        if (isNotFound(error)) throw missing(this.#file.name, error);
        if (!isTransientStorageError(error)) throw toStorageFailure(error, this.#file.bucket.name);
        broken = error;
      }
      if (position < end) await budget.spend(broken);
    }
  }

  /**
   * One request's bytes. Of a connection that breaks the SDK says nothing (node-fetch 2 passes on no error of a body
   * whose length is known), so that only its silence tells.
   */
  async *#open(start: number, end: number): AsyncGenerator<Buffer> {
    const stream = this.#file.createReadStream({ start, end: end - 1, validation: false, decompress: false });
    const expectMore = () =>
      setTimeout(() => stream.destroy(new Error(`${this.#file.name} fell silent`)), this.#patienceMs);
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
}

function missing(name: string, cause: unknown): JobFailure {
  return new JobFailure("result_missing", `The bucket no longer holds ${name}, which is a task's result.`, { cause });
}
