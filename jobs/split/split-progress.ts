import type { Snapshot } from "../heartbeat.ts";
import { RateMeter } from "../rate-meter.ts";
import type { FetchWatch } from "./open-table.ts";
import type { ReadWatch } from "./read-watch.ts";

/** Where a split is and how far; read by the heartbeat whenever it reports. Each phase counts its own bytes. */
export class SplitProgress {
  readonly #meter = new RateMeter();
  #phase = "opening";
  #file: string | null = null;
  #isSized = true;
  #rows = 0;
  #totalRows: number | null = null;
  #chunks = 0;
  #totalChunks: number | null = null;

  /** Bytes are brought into the bucket that cannot be read where they lie. */
  get fetching(): FetchWatch {
    return {
      onFetch: (name, totalBytes) => this.#begin("fetching", name, totalBytes),
      onBytes: (count) => this.#meter.add(count),
    };
  }

  /** Rows are counted. */
  count(file: string, totalBytes: number): ReadWatch {
    return this.#read("counting", file, totalBytes);
  }

  /** So many rows are written into so many chunks. */
  write(file: string, totalBytes: number, { rows, count }: { rows: number; count: number }): ReadWatch {
    this.#totalRows = rows;
    this.#totalChunks = count;
    return this.#read("writing", file, totalBytes);
  }

  addChunk(): void {
    this.#chunks++;
  }

  publish(): void {
    this.#meter.finish();
    this.#phase = "publishing";
  }

  snapshot(): Snapshot {
    return {
      phase: this.#phase,
      progress: {
        file: this.#file,
        ...this.#meter.read(),
        // Some servers do not tell how much they are going to send.
        ...(this.#isSized ? {} : { total_bytes: null, eta_seconds: null }),
        rows: this.#rows,
        total_rows: this.#totalRows,
        chunks: this.#chunks,
        total_chunks: this.#totalChunks,
      },
    };
  }

  #read(phase: string, file: string, totalBytes: number): ReadWatch {
    this.#begin(phase, file, totalBytes);
    return {
      onBytes: (count) => this.#meter.add(count),
      onRows: (count) => {
        this.#rows += count;
      },
    };
  }

  #begin(phase: string, file: string, totalBytes: number | undefined): void {
    this.#phase = phase;
    this.#file = file;
    this.#rows = 0;
    this.#isSized = totalBytes !== undefined;
    this.#meter.start(totalBytes ?? 0);
  }
}
