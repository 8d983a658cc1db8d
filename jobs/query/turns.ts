import { untilAborted } from "../until-aborted.ts";

/** Something that one has at a time; the others wait, in order. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves to what ends the turn; one whose signal is over before its turn gives it up. */
  async take(signal: AbortSignal): Promise<() => void> {
    const before = this.#last;
    const { promise, resolve } = withResolvers();
    this.#last = promise;
    try {
      await untilAborted(signal, before);
      return resolve;
    } catch (error) {
      void before.then(resolve);
      throw error;
    }
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
