import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { RandomAccessReader } from "yauzl";
import { type DataObject, readObject } from "./data-object.ts";

const WINDOW_BYTES = 1024 * 1024;

/** Gives yauzl an object's bytes. It reads a directory entry by entry, so those small reads share larger ones. */
export class ZipReader extends RandomAccessReader {
  readonly #object: DataObject;
  readonly #signal: AbortSignal;
  #window = { start: 0, bytes: Buffer.alloc(0) };

  constructor(object: DataObject, signal: AbortSignal) {
    super();
    this.#object = object;
    this.#signal = signal;
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(readObject(this.#object, start, end, this.#signal), { objectMode: false });
  }

  override read(
    target: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#look(position, length).then(
      (bytes) => {
        bytes.copy(target, offset);
        callback(null);
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
    );
  }

  async #look(position: number, length: number): Promise<Buffer> {
    const end = position + length;
    const { start, bytes } = this.#window;
    if (position < start || end > start + bytes.length) {
      if (end > this.#object.size) throw new Error("it ends too early");
      const windowEnd = Math.min(this.#object.size, position + Math.max(length, WINDOW_BYTES));
      this.#window = {
        start: position,
        bytes: await buffer(readObject(this.#object, position, windowEnd, this.#signal)),
      };
    }
    const { start: found, bytes: window } = this.#window;
    return window.subarray(position - found, end - found);
  }
}
