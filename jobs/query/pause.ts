import { setTimeout as sleep } from "node:timers/promises";

export interface PauseOptions {
  /** Between two looks while something happens. */
  shortMs: number;
  /** After a while in which nothing did. */
  longMs: number;
  /** How long that while is. */
  quietMs?: number;
}

/** The time between two looks at a queue: short when it is busy, longer when it is quiet, over when somebody calls. */
export class Pause {
  readonly #options: PauseOptions;
  #busyAt = performance.now();
  #current = new AbortController();

  constructor(options: PauseOptions) {
    this.#options = options;
  }

  /** Resolves when it is time to look again, or there is no reason to wait any longer. */
  async wait(signal: AbortSignal, wasBusy: boolean): Promise<void> {
    const { shortMs, longMs, quietMs = 0 } = this.#options;
    const now = performance.now();
    if (wasBusy) this.#busyAt = now;
    const isQuiet = now - this.#busyAt >= quietMs;
    const either = AbortSignal.any([signal, this.#current.signal]);
    await sleep(isQuiet ? longMs : shortMs, undefined, { signal: either }).catch(() => undefined);
    if (this.#current.signal.aborted) this.#current = new AbortController();
  }

  /** Ends this pause; if there is none, the next one does not begin. */
  end(): void {
    this.#current.abort();
  }
}
