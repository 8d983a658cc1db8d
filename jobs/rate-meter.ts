const WINDOW_MS = 10_000;

interface Sample {
  at: number;
  moved: number;
}

/** Figures of a transfer, as they are reported. */
export interface Rate {
  bytes: number;
  total_bytes: number;
  bytes_per_second: number;
  eta_seconds: number | null;
}

/** Counts the bytes of a transfer: how many are there, how fast they come, and how long the rest will take. */
export class RateMeter {
  #total = 0;
  /** Bytes that an earlier attempt left; they say nothing about this one's rate. */
  #found = 0;
  #moved = 0;
  #startedAt = 0;
  #samples: Sample[] = [];
  #finished: Rate | undefined;

  start(totalBytes: number): void {
    this.#total = totalBytes;
    this.#found = 0;
    this.#moved = 0;
    this.#startedAt = performance.now();
    this.#samples = [{ at: this.#startedAt, moved: 0 }];
    this.#finished = undefined;
  }

  find(bytes: number): void {
    this.#found += bytes;
  }

  /** Negative when bytes have to be moved again. */
  add(bytes: number): void {
    this.#moved += bytes;
  }

  /** Freezes the figures; the rate is then that of the whole transfer. */
  finish(): void {
    this.#finished = this.#readSince({ at: this.#startedAt, moved: 0 });
  }

  /** The rate is that of the last ten seconds. */
  read(): Rate {
    if (this.#finished) return this.#finished;
    const now = performance.now();
    while (this.#samples.length > 1 && now - (this.#samples[1]?.at ?? now) > WINDOW_MS) this.#samples.shift();
    const rate = this.#readSince(this.#samples[0] ?? { at: now, moved: this.#moved });
    this.#samples.push({ at: now, moved: this.#moved });
    return rate;
  }

  #readSince({ at, moved }: Sample): Rate {
    const seconds = Math.max((performance.now() - at) / 1000, 0.001);
    const rate = Math.max(0, this.#moved - moved) / seconds;
    const bytes = this.#found + this.#moved;
    return {
      bytes,
      total_bytes: this.#total,
      bytes_per_second: Math.round(rate),
      eta_seconds: rate > 0 ? Math.ceil((this.#total - bytes) / rate) : null,
    };
  }
}
