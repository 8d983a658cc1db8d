import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { File } from "@google-cloud/storage";
import { crc32c } from "@node-rs/crc32";
import { encodeCrc32c } from "../../shared/cloud/crc32c.ts";
import { JobFailure } from "../job-failure.ts";
import { RetryBudget } from "../retry-budget.ts";
import { isNotFound, isPreconditionFailed, isTransientStorageError, toStorageFailure } from "../storage-failure.ts";
import { QueryFailure } from "./query-failure.ts";

export interface StoredResult {
  bytes: number;
  /** SHA-256 of the object, in hex. */
  hash: string;
}

export interface StoreOptions {
  contentType: string;
  maxBytes: number;
  signal: AbortSignal;
}

/** Up to here one request carries it all. */
const AT_ONCE_BYTES = 4 * 1024 * 1024;
const CHUNK_BYTES = 8 * 1024 * 1024;
/** The generation of what is not there. */
const NOTHING = 0;

/**
 * Writes a result into its object, which appears when it is whole; a result that is too large never does. It replaces
 * what lay there before, but nothing that is written meanwhile.
 */
export async function storeResult(
  file: File,
  content: AsyncIterable<Buffer>,
  { contentType, maxBytes, signal }: StoreOptions,
): Promise<StoredResult> {
  const measure = new Measure(maxBytes);
  const source = measure.read(content);
  const upload = new Upload(file, { contentType, signal, measure });
  const first: Buffer[] = [];
  while (measure.bytes < AT_ONCE_BYTES) {
    const { done, value } = await source.next();
    if (done === true) {
      await upload.save(Buffer.concat(first));
      return measure.end();
    }
    first.push(value);
  }
  await upload.stream(join(first, source));
  return measure.end();
}

/** Counts and sums up what passes, and ends it when it is too much. */
class Measure {
  readonly #maxBytes: number;
  readonly #hash = createHash("sha256");
  #crc32c = 0;
  bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  async *read(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of content) {
      this.bytes += chunk.length;
      if (this.bytes > this.#maxBytes) throw tooManyBytes(this.#maxBytes);
      this.#hash.update(chunk);
      this.#crc32c = crc32c(chunk, this.#crc32c);
      yield chunk;
    }
  }

  /** Whether an object holds what passed. */
  equals({ metadata: { size, crc32c: stored } }: File): boolean {
    return Number(size) === this.bytes && stored === encodeCrc32c(this.#crc32c);
  }

  end(): StoredResult {
    return { bytes: this.bytes, hash: this.#hash.digest("hex") };
  }
}

interface UploadOptions {
  contentType: string;
  signal: AbortSignal;
  /** Of what is uploaded, by the time that it is. */
  measure: Measure;
}

/** One object's content on its way; what the bucket did not take, or took without saying so, is no harm. */
class Upload {
  readonly #file: File;
  readonly #options: UploadOptions;

  constructor(file: File, options: UploadOptions) {
    this.#file = file;
    this.#options = options;
  }

  async save(content: Buffer): Promise<void> {
    const { contentType, signal } = this.#options;
    const budget = new RetryBudget(signal, (cause) => toStorageFailure(cause, this.#file.bucket.name));
    let generation: number | string = NOTHING;
    for (;;) {
      try {
        await this.#file.save(content, {
          resumable: false,
          validation: "crc32c",
          metadata: { contentType },
          preconditionOpts: { ifGenerationMatch: generation },
        });
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (isPreconditionFailed(error)) {
          const found = await this.#find();
          if (found.isOurs) return;
          generation = found.generation;
        } else if (!isTransientStorageError(error)) throw toStorageFailure(error, this.#file.bucket.name);
        await budget.spend(error);
      }
    }
  }

  /** What can be read but once: the SDK keeps a chunk until the bucket has it. */
  async stream(content: AsyncIterable<Buffer>): Promise<void> {
    const { contentType, signal } = this.#options;
    const { bucket } = this.#file;
    const sink = this.#file.createWriteStream({
      resumable: true,
      chunkSize: CHUNK_BYTES,
      validation: "crc32c",
      metadata: { contentType },
      preconditionOpts: { ifGenerationMatch: (await this.#find()).generation },
    });
    try {
      await pipeline(Readable.from(content, { objectMode: false }), sink, { signal });
    } catch (error) {
      signal.throwIfAborted();
      // What the content throws is told apart from what the bucket does.
      if (error instanceof QueryFailure || error instanceof JobFailure) throw error;
      if (!isPreconditionFailed(error)) throw toStorageFailure(error, bucket.name);
      if ((await this.#find()).isOurs) return;
      throw new JobFailure("storage_contended", `gs://${bucket.name}/${this.#file.name} was written by another.`, {
        cause: error,
      });
    }
  }

  /** What lies there, and whether that is what was uploaded. */
  async #find(): Promise<{ generation: number | string; isOurs: boolean }> {
    const { bucket } = this.#file;
    try {
      const [{ generation = NOTHING }] = await this.#file.getMetadata();
      return { generation, isOurs: this.#options.measure.equals(this.#file) };
    } catch (error) {
      if (isNotFound(error)) return { generation: NOTHING, isOurs: false };
      throw toStorageFailure(error, bucket.name);
    }
  }
}

function tooManyBytes(maxBytes: number): QueryFailure {
  return new QueryFailure(
    "result_too_large",
    `The result is larger than the ${maxBytes} bytes that it may be. Select fewer rows or columns, or aggregate.`,
  );
}

async function* join(first: Buffer[], rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield* first;
  yield* rest;
}
