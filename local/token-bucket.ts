import { setTimeout as sleep } from "node:timers/promises";

/** Credit that time without traffic may save up. */
const BURST_SECONDS = 0.05;

/** Timers cannot wake a sender much more often than this. */
const PIECE_SECONDS = 0.01;

/** Lets bytes pass at a rate. What a late timer held back is made up for; what the client held back is not. */
export class TokenBucket {
  readonly #bytesPerSecond: number;
  #credit = 0;
  #countedAt = performance.now();

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** How many bytes to hand over at once. */
  get pieceBytes(): number {
    return Math.max(1024, Math.ceil(this.#bytesPerSecond * PIECE_SECONDS));
  }

  /** Takes that many bytes and resolves when they may have passed. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    const most = Math.max(this.#credit, this.#bytesPerSecond * BURST_SECONDS);
    this.#credit = Math.min(this.#credit + this.#earned(), most) - bytes;
    if (this.#credit >= 0) return;
    await sleep((-this.#credit / this.#bytesPerSecond) * 1000, undefined, signal && { signal });
    this.#credit += this.#earned();
  }

  /** What was earned since it was last counted. */
  #earned(): number {
    const now = performance.now();
    const seconds = (now - this.#countedAt) / 1000;
    this.#countedAt = now;
    return seconds * this.#bytesPerSecond;
  }
}
