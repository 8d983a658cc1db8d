import type { Snapshot } from "../heartbeat.ts";
import { RateMeter } from "../rate-meter.ts";

export type SyncPhase =
  | "connecting"
  | "unloading"
  | "reading"
  | "downloading"
  | "loading"
  | "comparing"
  | "statistics"
  | "certifying"
  | "uploading"
  | "publishing";

/** Where a sync is and how far; read by the heartbeat whenever it reports. Each phase counts its own bytes. */
export class SyncProgress {
  readonly #meter = new RateMeter();
  readonly #log: (line: string) => void;
  readonly #seconds = new Map<SyncPhase, number>();
  #phase: SyncPhase = "connecting";
  #startedAt = performance.now();
  #isSized = false;
  #rows = 0;
  #totalRows: number | null = null;
  #done: number | null = null;
  #total: number | null = null;

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /** The next phase begins; how many bytes it is about, where that is known. */
  begin(phase: SyncPhase, totalBytes?: number): void {
    this.#count();
    this.#phase = phase;
    this.#log(`${phase[0]?.toUpperCase()}${phase.slice(1)} …`);
    this.#isSized = totalBytes !== undefined;
    this.#done = null;
    this.#total = null;
    this.#meter.start(totalBytes ?? 0);
  }

  /** How many rows are going to come. */
  expectRows(count: number): void {
    this.#totalRows = count;
    this.#rows = 0;
  }

  addRows(count: number): void {
    this.#rows += count;
  }

  addBytes(count: number): void {
    this.#meter.add(count);
  }

  /** How many of a phase's steps are done. */
  step(done: number, total: number): void {
    this.#done = done;
    this.#total = total;
  }

  /** What each phase took that is over. */
  seconds(): Record<string, number> {
    const ended = [...this.#seconds].filter(([phase]) => phase !== this.#phase);
    return Object.fromEntries(ended.map(([phase, spent]) => [phase, Math.round(spent) / 1000]));
  }

  snapshot(): Snapshot {
    return {
      phase: this.#phase,
      progress: {
        ...this.#meter.read(),
        ...(this.#isSized ? {} : { total_bytes: null, eta_seconds: null }),
        rows: this.#rows,
        total_rows: this.#totalRows,
        steps: this.#done,
        total_steps: this.#total,
      },
    };
  }

  #count(): void {
    const now = performance.now();
    this.#seconds.set(this.#phase, (this.#seconds.get(this.#phase) ?? 0) + now - this.#startedAt);
    this.#startedAt = now;
  }
}
