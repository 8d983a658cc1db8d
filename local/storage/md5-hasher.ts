import { z } from "zod";
import { startWorker } from "../start-worker.ts";
import type { Md5Order } from "./md5-worker.ts";

const reply = z.object({ id: z.string(), md5: z.string().optional(), error: z.string().optional() });

interface Waiting {
  resolve(md5: string): void;
  reject(error: unknown): void;
}

/**
 * MD5 of files while they grow, in a thread of its own: on the main thread it would halve the rate of uploads. The
 * thread follows behind the writer and reads from the page cache, so no bytes are handed over.
 */
export class Md5Hasher {
  readonly #worker = startWorker(new URL("./md5-worker.ts", import.meta.url));
  readonly #waiting = new Map<string, Waiting>();

  constructor() {
    this.#worker.unref();
    this.#worker.on("message", (message: unknown) => {
      const { id, md5, error } = reply.parse(message);
      if (md5 !== undefined) this.#waiting.get(id)?.resolve(md5);
      else this.#waiting.get(id)?.reject(new Error(`Cannot compute an MD5: ${error}`));
      this.#waiting.delete(id);
    });
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () => this.#fail(new Error("The MD5 thread ended")));
  }

  /** Starts to follow a file that exists. */
  open(id: string, path: string): void {
    this.#send({ op: "open", id, path });
  }

  /** Tells how many bytes the file holds by now. */
  advance(id: string, size: number): void {
    this.#send({ op: "advance", id, size });
  }

  /** Resolves to the base64 MD5 of the file's first `size` bytes, and forgets the file. */
  finish(id: string, size: number): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#send({ op: "finish", id, size });
    });
  }

  /** Forgets a file whose hash nobody will ask for. */
  drop(id: string): void {
    this.#send({ op: "close", id });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #send(order: Md5Order): void {
    this.#worker.postMessage(order);
  }

  #fail(error: unknown): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
