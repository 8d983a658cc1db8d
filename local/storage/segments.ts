import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
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

  /** Removes files that nobody holds: what a crash left between writing bytes and recording them. */
  async sweep(): Promise<void> {
    for (const id of await readdir(this.#dir)) {
      if (!this.#holders.has(id)) await rm(this.pathOf(id), { force: true });
    }
  }

  /** Reads bytes `start` to `end` (exclusive) of segments in a row; they stay held until the last was read. */
  async *read(segments: Segment[], start: number, end: number): AsyncGenerator<Buffer> {
    this.hold(segments);
    try {
      let offset = 0;
      for (const { id, size } of segments) {
        const from = Math.max(start - offset, 0);
        const to = Math.min(end - offset, size);
        if (from < to)
          yield* createReadStream(this.pathOf(id), { start: from, end: to - 1, highWaterMark: READ_BYTES });
        offset += size;
      }
    } finally {
      this.release(segments);
    }
  }
}
