const SLOTS = 16;

/** Runs so many uploads at once; the first that fails ends the others' beginning. */
export class UploadSlots {
  readonly #running = new Set<Promise<void>>();
  #failure: { error: unknown } | undefined;

  /** Resolves when the work has begun; what goes wrong in it is thrown by a later call. */
  async run(work: () => Promise<void>): Promise<void> {
    while (this.#running.size >= SLOTS) await Promise.race(this.#running);
    this.#throwFailure();
    const running = work()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Resolves when all work is done. */
  async settle(): Promise<void> {
    await Promise.all(this.#running);
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
