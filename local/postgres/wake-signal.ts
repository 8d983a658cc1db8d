/** Lets a loop sleep until it is woken or its time is up; a wake while it works is kept for its next sleep. */
export class WakeSignal {
  #woken = false;
  #resume: (() => void) | undefined;

  wake(): void {
    this.#woken = true;
    this.#resume?.();
  }

  /** Resolves at the next wake, after `ms` when given, or when the signal aborts. */
  async sleep(signal: AbortSignal, ms?: number): Promise<void> {
    if (!this.#woken && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = ms === undefined ? undefined : setTimeout(() => this.#resume?.(), ms);
        const resume = () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", resume);
          this.#resume = undefined;
          resolve();
        };
        this.#resume = resume;
        signal.addEventListener("abort", resume);
      });
    }
    this.#woken = false;
  }
}
