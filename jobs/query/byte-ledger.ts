import { QueryFailure } from "./query-failure.ts";

interface Entry {
  bytes: number;
  pins: number;
}

export interface Claim {
  key: string;
  bytes: number;
}

interface Waiter {
  claims: Claim[];
  resolve: (drops: Promise<void>[]) => void;
}

/**
 * Who holds which files of how many bytes. What nobody holds is dropped, the one unused for longest first, when room is
 * needed; when none can be made, whoever asks waits, in order.
 */
export class ByteLedger {
  readonly #maxBytes: number;
  readonly #drop: (key: string) => Promise<void>;
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();
  readonly #waiters: Waiter[] = [];

  constructor(maxBytes: number, drop: (key: string) => Promise<void>) {
    this.#maxBytes = maxBytes;
    this.#drop = drop;
  }

  /** Holds all or none; resolves to what lets go of them. */
  async take(claims: Claim[], signal: AbortSignal): Promise<() => void> {
    const total = sumBytes(claims);
    if (total > this.#maxBytes)
      throw new QueryFailure(
        "query_memory",
        `The query reads tables of ${total} bytes, and ${this.#maxBytes} are what a runner holds. Join fewer of them.`,
      );
    signal.throwIfAborted();
    const canStart = this.#waiters.length === 0 && this.#fits(claims);
    const drops = canStart ? this.#hold(claims) : await this.#wait(claims, signal);
    let isHeld = true;
    const release = () => {
      if (!isHeld) return;
      isHeld = false;
      for (const { key } of claims) this.#unpin(key);
      this.#wake();
    };
    await Promise.all(drops);
    return release;
  }

  /** Whether there is room once everything is dropped that nobody holds. */
  #fits(claims: Claim[]): boolean {
    const held = [...this.#entries].filter(([, { pins }]) => pins > 0);
    const heldKeys = new Set(held.map(([key]) => key));
    const more = sumBytes(claims.filter(({ key }) => !heldKeys.has(key)));
    return sumBytes(held.map(([, entry]) => entry)) + more <= this.#maxBytes;
  }

  #hold(claims: Claim[]): Promise<void>[] {
    for (const { key, bytes } of claims) {
      const entry = this.#entries.get(key) ?? { bytes, pins: 0 };
      entry.pins++;
      this.#entries.delete(key);
      this.#entries.set(key, entry);
    }
    let excess = sumBytes([...this.#entries.values()]) - this.#maxBytes;
    const drops: Promise<void>[] = [];
    for (const [key, { bytes, pins }] of [...this.#entries]) {
      if (excess <= 0) break;
      if (pins > 0) continue;
      this.#entries.delete(key);
      excess -= bytes;
      drops.push(this.#drop(key));
    }
    return drops;
  }

  #unpin(key: string): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.pins--;
  }

  #wait(claims: Claim[], signal: AbortSignal): Promise<Promise<void>[]> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(signal.reason);
        this.#wake();
      };
      const waiter: Waiter = {
        claims,
        resolve: (drops) => {
          signal.removeEventListener("abort", stop);
          resolve(drops);
        },
      };
      this.#waiters.push(waiter);
      signal.addEventListener("abort", stop, { once: true });
    });
  }

  /** Room is taken at once, so that nobody who comes now is before those that wait. */
  #wake(): void {
    for (let [first] = this.#waiters; first !== undefined && this.#fits(first.claims); [first] = this.#waiters) {
      this.#waiters.shift();
      first.resolve(this.#hold(first.claims));
    }
  }
}

function sumBytes(items: { bytes: number }[]): number {
  return items.reduce((sum, { bytes }) => sum + bytes, 0);
}
