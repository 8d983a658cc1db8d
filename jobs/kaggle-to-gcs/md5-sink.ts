import { Writable } from "node:stream";
import { Worker } from "node:worker_threads";

const MAX_BYTES_IN_FLIGHT = 2 * 1024 * 1024;

/** Hashes what is written to it in a thread of its own: on the main thread MD5 would halve the transfer's rate. */
export class Md5Sink extends Writable {
  readonly digest: Promise<string>;
  /** Set when the thread itself failed, and not what was read into it. */
  threadError: Error | undefined;
  readonly #worker: Worker;
  #inFlight = 0;
  #resume: (() => void) | undefined;

  constructor(workerFile: URL) {
    super();
    this.#worker = new Worker(workerFile);
    this.digest = new Promise((resolve, reject) => {
      this.#worker.on("message", (message: number | string) => {
        if (typeof message === "string") resolve(message);
        else this.#acknowledge(message);
      });
      this.#worker.once("error", (error) => {
        this.threadError = error;
        reject(error);
        this.destroy(error);
      });
      this.once("close", () => reject(new Error("The MD5 was given up")));
    });
    this.digest.catch(() => undefined);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#inFlight += chunk.length;
    this.#worker.postMessage(chunk);
    if (this.#inFlight < MAX_BYTES_IN_FLIGHT) done();
    else this.#resume = done;
  }

  override _final(done: (error?: Error) => void): void {
    this.#worker.postMessage(new Uint8Array(0));
    this.digest.then(() => done(), done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    void this.#worker.terminate();
    done(error);
  }

  #acknowledge(bytes: number): void {
    this.#inFlight -= bytes;
    const resume = this.#resume;
    if (resume === undefined || this.#inFlight >= MAX_BYTES_IN_FLIGHT) return;
    this.#resume = undefined;
    resume();
  }
}
