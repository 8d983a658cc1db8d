import { setTimeout as sleep } from "node:timers/promises";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 30_000;

/** Waits between tries of one call: exponential with jitter, and never less than the other side asked for. */
export class Backoff {
  #failures = 0;

  /** Resolves when it is time to try again; rejects with the signal's reason if that comes first. */
  async wait(signal: AbortSignal, askedSeconds = 0): Promise<void> {
    const ceiling = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures++);
    const jittered = ceiling * (0.5 + Math.random() / 2);
    // Whoever is told the same moment must not come back in the same moment.
    await pause(Math.max(jittered, askedSeconds * 1000 * (1 + Math.random() / 10)), signal);
  }
}

/** Resolves after so many milliseconds; rejects with the signal's own reason when it aborts. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
