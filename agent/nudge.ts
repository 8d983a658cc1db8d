/** A longer timer would end at once; whoever waits looks again anyway. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Waits that others can cut short; a nudge that comes while nobody waits counts for the next wait. */
export class Nudge {
  #pending = false;
  #wake: () => void = () => undefined;

  nudge(): void {
    this.#pending = true;
    this.#wake();
  }

  /** Resolves after so many milliseconds, with the next nudge, or when the signal aborts. */
  async wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (!this.#pending && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        const timer = setTimeout(wake, Math.min(milliseconds, LONGEST_TIMER_MS));
        signal.addEventListener("abort", wake);
        this.#wake = wake;
      });
    }
    this.#pending = false;
  }
}
