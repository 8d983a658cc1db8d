import type { StoredChunk } from "./chunk-store.ts";

const BATCH_SIZE = 1000;

/** The attempt is no longer the run's: nothing that it does counts any more. */
export class StaleAttempt extends Error {
  override readonly name = "StaleAttempt";
}

export type AddTasks = (chunks: StoredChunk[]) => Promise<"added" | "stale">;

/** Turns stored chunks into tasks, a thousand at a time. */
export class TaskBatches {
  readonly #add: AddTasks;
  #batch: StoredChunk[] = [];

  constructor(add: AddTasks) {
    this.#add = add;
  }

  async push(chunk: StoredChunk): Promise<void> {
    this.#batch.push(chunk);
    if (this.#batch.length >= BATCH_SIZE) await this.flush();
  }

  async flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    if (batch.length > 0 && (await this.#add(batch)) === "stale") throw new StaleAttempt();
  }
}
