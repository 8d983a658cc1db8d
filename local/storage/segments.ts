import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Duplex, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Segment } from "./records.ts";

/** Bytes that leave the disk in one read; more does not raise the rate, and every reader holds as much. */
const READ_BYTES = 1 << 20;

/** The folder of immutable data files, each kept as long as an object, an upload or a reader holds it. */
export class Segments {
  readonly #dir: string;
  readonly #holders = new Map<string, number>();

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async open(dir: string): Promise<Segments> {
    await mkdir(dir, { recursive: true });
    return new Segments(dir);
  }

  /** Names a new segment, held once. */
  create(): string {
    const id = randomUUID();
    this.hold([{ id }]);
    return id;
  }

  pathOf(id: string): string {
    return join(this.#dir, id);
  }

  hold(segments: Pick<Segment, "id">[]): void {
    for (const { id } of segments) this.#holders.set(id, (this.#holders.get(id) ?? 0) + 1);
  }

  /** Lets go; files that nobody holds any more are removed. */
  release(segments: Pick<Segment, "id">[]): void {
    for (const { id } of segments) {
      const left = (this.#holders.get(id) ?? 0) - 1;
      if (left > 0) {
        this.#holders.set(id, left);
        continue;
      }
      this.#holders.delete(id);
      // Best effort: what stays behind is found by `sweep` on the next start.
      rm(this.pathOf(id), { force: true }).catch(() => undefined);
    }
  }

  /** Whether all bytes of these segments are on disk; after a power cut some may not have arrived. */
  async areWhole(segments: Segment[]): Promise<boolean> {
    for (const { id, size } of segments) {
      const found = await stat(this.pathOf(id)).catch(() => undefined);
      if (found?.size !== size) return false;
    }
    return true;
  }

  /** Removes files that nobody holds: what a crash left between writing bytes and recording them. */
  async sweep(): Promise<void> {
    for (const id of await readdir(this.#dir)) {
      if (!this.#holders.has(id)) await rm(this.pathOf(id), { force: true });
    }
  }

  /**
   * Sends bytes `start` to `end` (exclusive) of segments in a row, and ends the sink. The segments stay held meanwhile,
   * whatever becomes of their object; a slow reader slows the reading.
   */
  async send(segments: Segment[], start: number, end: number, sink: Writable, through?: Duplex): Promise<void> {
    this.hold(segments);
    const bytes = this.#read(segments, start, end);
    try {
      await (through === undefined ? pipeline(bytes, sink) : pipeline(bytes, through, sink));
    } finally {
      this.release(segments);
    }
  }

  async *#read(segments: Segment[], start: number, end: number): AsyncGenerator<Buffer> {
    let offset = 0;
    for (const { id, size } of segments) {
      const from = Math.max(start - offset, 0);
      const to = Math.min(end - offset, size);
      if (from < to) yield* createReadStream(this.pathOf(id), { start: from, end: to - 1, highWaterMark: READ_BYTES });
      offset += size;
    }
  }
}
