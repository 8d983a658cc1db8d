import type { ChunkStore } from "./chunk-store.ts";
import type { ChunkUpload } from "./chunk-upload.ts";
import type { ChunkPlan } from "./plan-chunks.ts";

/** Hands the rows of a text to one chunk after the other, each of which begins with the header, if there is one. */
export class RowWriter {
  readonly #plan: ChunkPlan;
  readonly #store: ChunkStore;
  #header: Buffer = Buffer.alloc(0);
  /** 0 stands for the header. */
  #number = 0;
  #left: number;
  /** Undefined while a chunk is passed over that is stored already. */
  #upload: ChunkUpload | undefined;

  constructor(plan: ChunkPlan, store: ChunkStore, headerRows: number) {
    this.#plan = plan;
    this.#store = store;
    this.#left = headerRows;
  }

  /** How many rows what is open still takes, at least one: behind a full chunk the next one is opened. */
  async room(): Promise<number> {
    if (this.#left === 0 && this.#number < this.#plan.count) {
      this.#number++;
      this.#left = this.#plan.rowsOf(this.#number);
      this.#upload = await this.#store.next();
      if (this.#header.length > 0) await this.#upload?.write(this.#header);
    }
    return this.#left || 1;
  }

  /** Takes bytes of rows, of which so many end there. */
  async write(bytes: Buffer, rows: number): Promise<void> {
    if (bytes.length === 0) return;
    if (rows > this.#left || this.#left === 0) throw new Error("The data has more rows than it had");
    this.#left -= rows;
    if (this.#number === 0) {
      this.#header = Buffer.concat([this.#header, bytes]);
      return;
    }
    await this.#upload?.write(bytes);
    if (this.#left > 0) return;
    await this.#upload?.end();
    this.#upload = undefined;
  }

  /** Gives the last row the newline that it lacks. */
  async endLastRow(): Promise<void> {
    const [newline = "\n"] = /\r?\n$|\r$/.exec(this.#header.toString("latin1")) ?? [];
    await this.write(Buffer.from(newline), 1);
  }

  /** Refuses to be done before every chunk is full. */
  requireEnd(): void {
    if (this.#number < this.#plan.count || this.#left > 0) throw new Error("The data has fewer rows than it had");
  }
}
