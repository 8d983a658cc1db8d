import { setTimeout as sleep } from "node:timers/promises";
import type { JobFailure } from "./job-failure.ts";

const MAX_FAILURES_IN_A_ROW = 7;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 15_000;
/** Asked to wait longer than this, the run is given back: Postgres waits for free, a container does not. */
const LONGEST_ASKED_SECONDS = 60;

/** What went wrong for good, given the last error and for how long the other side asked to be left alone. */
export type GiveUp = (cause: unknown, retryAfterSeconds: number | null) => JobFailure;

/** Failures in a row of one operation: waits between them, and ends it when there are too many. */
export class RetryBudget {
  readonly #signal: AbortSignal;
  readonly #giveUp: GiveUp;
  #failures = 0;

  constructor(signal: AbortSignal, giveUp: GiveUp) {
    this.#signal = signal;
    this.#giveUp = giveUp;
  }

  /** The operation got on: earlier failures no longer count. */
  renew(): void {
    this.#failures = 0;
  }

  /** Resolves when it is time to try again: exponential backoff with jitter, or as long as the other side asked. */
  async spend(cause: unknown, askedSeconds?: number): Promise<void> {
    this.#signal.throwIfAborted();
    this.#failures++;
    const asked = askedSeconds ?? null;
    if (this.#failures >= MAX_FAILURES_IN_A_ROW || (asked ?? 0) > LONGEST_ASKED_SECONDS)
      throw this.#giveUp(cause, asked);
    const ceiling = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (this.#failures - 1));
    const backoff = ceiling * (0.5 + Math.random() / 2);
    await sleep(asked === null ? backoff : Math.max(asked * 1000, backoff), undefined, { signal: this.#signal });
  }
}
