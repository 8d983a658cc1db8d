import { once } from "node:events";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import type { File, FileMetadata } from "@google-cloud/storage";
import { JobFailure } from "../job-failure.ts";
import { RetryBudget } from "../retry-budget.ts";
import { isPreconditionFailed, isTransientStorageError, toStorageFailure } from "../storage-failure.ts";
import type { UploadSlots } from "./upload-slots.ts";

export interface ChunkUploadOptions {
  file: File;
  /** The generation that may be replaced; "0" for none. */
  ifGenerationMatch: string;
  contentType: string;
  mark: string;
  slots: UploadSlots;
  /** Whether what is stored under the name is what this upload would store. */
  isSame: (metadata: FileMetadata) => boolean;
  onStored: (metadata: FileMetadata) => Promise<void>;
  signal: AbortSignal;
}

const MIB = 1024 * 1024;
/** A chunk up to this size is sent in one request, several chunks at a time. */
const SMALL_BYTES = 2 * MIB;
/** What a larger one keeps in memory, so as to send it again. */
const PART_BYTES = 8 * MIB;

/** One chunk on its way into the bucket, where it appears whole or not at all. */
export class ChunkUpload {
  readonly #options: ChunkUploadOptions;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #stream: { sink: Writable; done: Promise<void> } | undefined;

  constructor(options: ChunkUploadOptions) {
    this.#options = options;
  }

  /** Takes bytes, which must not change any more; resolves when there is room for others. */
  async write(part: Uint8Array): Promise<void> {
    this.#parts.push(part);
    this.#bytes += part.length;
    if (this.#bytes > SMALL_BYTES || this.#stream !== undefined) await this.#forward();
  }

  /** Ends the chunk; a small one is still on its way when this resolves. */
  async end(): Promise<void> {
    const { file, slots, onStored } = this.#options;
    if (this.#stream === undefined) {
      const content = this.#parts;
      return slots.run(async () => onStored(await this.#store(() => this.#send(content))));
    }
    const { sink, done } = this.#stream;
    sink.end();
    const metadata = await this.#store(async () => {
      await done;
      return file.metadata;
    });
    await slots.run(() => onStored(metadata));
  }

  async #forward(): Promise<void> {
    this.#stream ??= this.#open();
    const { sink, done } = this.#stream;
    const parts = this.#parts;
    this.#parts = [];
    for (const part of parts) {
      if (sink.write(part)) continue;
      await this.#store(async () => {
        await Promise.race([once(sink, "drain"), done]);
        return {};
      });
    }
  }

  #open() {
    const { signal } = this.#options;
    const sink = this.#options.file.createWriteStream({ ...this.#settings(), resumable: true, chunkSize: PART_BYTES });
    const done = finished(sink, { signal });
    done.catch(() => sink.destroy());
    return { sink, done };
  }

  async #send(content: Uint8Array[]): Promise<FileMetadata> {
    const { file, signal } = this.#options;
    const budget = new RetryBudget(signal, (cause) => toStorageFailure(cause, file.bucket.name));
    for (;;) {
      try {
        await file.save(Buffer.concat(content), { ...this.#settings(), resumable: false });
        return file.metadata;
      } catch (error) {
        if (!isTransientStorageError(error)) throw error;
        await budget.spend(error);
      }
    }
  }

  #settings() {
    const { contentType, mark, ifGenerationMatch } = this.#options;
    return {
      validation: "crc32c",
      metadata: { contentType, metadata: { split: mark } },
      preconditionOpts: { ifGenerationMatch },
    } as const;
  }

  /** Resolves to the stored object's metadata; somebody else may have been faster with the same bytes. */
  async #store(work: () => Promise<FileMetadata>): Promise<FileMetadata> {
    const { file, isSame, signal } = this.#options;
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof JobFailure) throw error;
      if (!isPreconditionFailed(error)) throw toStorageFailure(error, file.bucket.name);
      const [metadata] = await file.getMetadata();
      if (isSame(metadata)) return metadata;
      const message = `gs://${file.bucket.name}/${file.name} was written by somebody else meanwhile.`;
      throw new JobFailure("storage_contended", message, { retryable: true, cause: error });
    }
  }
}
