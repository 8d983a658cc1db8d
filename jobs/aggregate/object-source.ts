import type { File } from "@google-cloud/storage";
import { JobFailure } from "../job-failure.ts";
import { readRange } from "../read-range.ts";

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

/** One generation of an object: what is written under its name meanwhile does not mix with it. */
export class ObjectSource implements ByteSource {
  readonly size: number;
  readonly #file: File;
  readonly #watch: SourceWatch;
  readonly #patience: { patienceMs?: number };

  /** The file names its generation; a connection may be silent for so long before it counts as broken. */
  constructor(file: File, size: number, watch: SourceWatch, patienceMs?: number) {
    this.#file = file;
    this.size = size;
    this.#watch = watch;
    this.#patience = patienceMs === undefined ? {} : { patienceMs };
  }

  async read(start: number, end: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.stream(start, end)) chunks.push(chunk);
    const [only] = chunks;
    return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, end - start);
  }

  async *stream(start: number, end: number): AsyncGenerator<Buffer> {
    if (start < 0 || end > this.size) throw new RangeError(`bytes ${start} to ${end} of an object of ${this.size}`);
    const { onBytes, signal } = this.#watch;
    const file = this.#file;
    const onMissing = (cause: unknown) => missing(file.name, cause);
    for await (const chunk of readRange(file, start, end, { signal, onMissing, ...this.#patience })) {
      onBytes(chunk.length);
      yield chunk;
    }
  }
}

function missing(name: string, cause: unknown): JobFailure {
  return new JobFailure("result_missing", `The bucket no longer holds ${name}, which is a task's result.`, { cause });
}
