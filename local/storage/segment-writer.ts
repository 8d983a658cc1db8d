import { type FileHandle, open } from "node:fs/promises";
import { crc32c } from "@node-rs/crc32";
import { encodeCrc32c } from "../../shared/cloud/crc32c.ts";
import type { Md5Hasher } from "./md5-hasher.ts";
import type { Segments } from "./segments.ts";

/** Bytes gathered before they go to disk in one call. */
const BATCH_BYTES = 1 << 20;
/** Batches kept for the next writers: as many as a transfer over eight connections uses at once. */
const MOST_SPARE_BATCHES = 16;
/**
 * Bytes are copied into batches that are used again, so that the network's buffers die young: kept until a batch was
 * full, they grew old, and made V8 collect the whole heap eleven times per 256 MiB over eight connections.
 */
const spareBatches: Buffer[] = [];

export interface FinishedSegment {
  size: number;
  crc32c: string;
  /** Absent where nobody hashes. */
  md5Hash: string | undefined;
}

/**
 * Appends to one segment and checks it on the way. At most two batches are in memory: one on its way to disk, one being
 * gathered.
 */
export class SegmentWriter {
  readonly id: string;
  readonly #file: FileHandle;
  readonly #hasher: Md5Hasher | undefined;
  #batch: Buffer | undefined;
  #batchBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #checksum = 0;
  #written = 0;

  private constructor(id: string, file: FileHandle, hasher: Md5Hasher | undefined) {
    this.id = id;
    this.#file = file;
    this.#hasher = hasher;
  }

  /** Opens a segment for appending; what it holds already is read once, for its checksums. */
  static async open(segments: Segments, hasher: Md5Hasher | undefined, id: string): Promise<SegmentWriter> {
    const path = segments.pathOf(id);
    const file = await open(path, "a+");
    const writer = new SegmentWriter(id, file, hasher);
    hasher?.open(id, path);
    if ((await file.stat()).size > 0) {
      for await (const chunk of file.createReadStream({ start: 0, autoClose: false })) writer.#count(chunk);
    }
    return writer;
  }

  /** Bytes taken so far. */
  get size(): number {
    return this.#written + this.#batchBytes;
  }

  /** Takes bytes; resolves when there is room for more. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#checksum = crc32c(chunk, this.#checksum);
    for (let taken = 0; taken < chunk.length; ) {
      this.#batch ??= spareBatches.pop() ?? Buffer.allocUnsafeSlow(BATCH_BYTES);
      const piece = chunk.subarray(taken, taken + BATCH_BYTES - this.#batchBytes);
      this.#batch.set(piece, this.#batchBytes);
      this.#batchBytes += piece.length;
      taken += piece.length;
      if (this.#batchBytes === BATCH_BYTES) await this.#startBatch();
    }
  }

  /** Resolves once all bytes taken are in the file. */
  async flush(): Promise<void> {
    await this.#startBatch();
    await this.#writing;
  }

  /**
   * Closes the segment. Its bytes are the operating system's from here on: they outlive this process, and waiting until
   * they outlive a power cut too would bind uploads to the rate of the disk.
   */
  async finish(): Promise<FinishedSegment> {
    await this.flush();
    const md5Hash = await this.#hasher?.finish(this.id, this.#written);
    await this.#file.close();
    return { size: this.#written, crc32c: encodeCrc32c(this.#checksum), md5Hash };
  }

  /** Closes the file without a promise about what it holds. */
  async abandon(): Promise<void> {
    await this.#writing.catch(() => undefined);
    this.#hasher?.drop(this.id);
    await this.#file.close();
  }

  async #startBatch(): Promise<void> {
    await this.#writing;
    const batch = this.#batch;
    if (batch === undefined) return;
    const bytes = this.#batchBytes;
    this.#batch = undefined;
    this.#batchBytes = 0;
    this.#written += bytes;
    this.#writing = this.#store(batch, bytes, this.#written);
    // Awaited by the next batch or by flush; until then a failure must not count as unhandled.
    this.#writing.catch(() => undefined);
  }

  async #store(batch: Buffer, bytes: number, end: number): Promise<void> {
    try {
      for (let stored = 0; stored < bytes; )
        stored += (await this.#file.write(batch, stored, bytes - stored)).bytesWritten;
    } finally {
      if (spareBatches.length < MOST_SPARE_BATCHES) spareBatches.push(batch);
    }
    this.#hasher?.advance(this.id, end);
  }

  #count(chunk: Uint8Array): void {
    this.#checksum = crc32c(chunk, this.#checksum);
    this.#written += chunk.length;
  }
}
