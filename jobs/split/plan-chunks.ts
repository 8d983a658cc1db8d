import type { SplitWish } from "../../shared/db/split-task.ts";
import { MAX_TASKS } from "../../shared/task-id.ts";
import { JobFailure } from "../job-failure.ts";

export interface ChunkPlan {
  rows: number;
  count: number;
  /** How many rows the chunk with this number has, from 1; no two chunks differ by more than one. */
  rowsOf(number: number): number;
  /** The chunk's object name without its extension; the names sort as the numbers do. */
  nameOf(number: number): string;
}

/** Divides rows evenly: into so many chunks, or into as few as hold at most so many rows each; none is empty. */
export function planChunks(rows: number, wish: SplitWish): ChunkPlan {
  const wanted = wish.rowsPerChunk === null ? wish.chunks : Math.ceil(rows / wish.rowsPerChunk);
  const count = Math.max(1, Math.min(wanted, rows));
  if (count > MAX_TASKS) {
    const most = Math.ceil(rows / MAX_TASKS);
    const message = `Cannot split ${rows} rows into ${count} chunks: a job has at most ${MAX_TASKS}. Ask for ${most} rows per chunk or more.`;
    throw new JobFailure("too_many_chunks", message);
  }
  const least = Math.floor(rows / count);
  const larger = rows % count;
  const digits = Math.max(5, String(count).length);
  return {
    rows,
    count,
    rowsOf: (number) => least + (number <= larger ? 1 : 0),
    nameOf: (number) => String(number).padStart(digits, "0"),
  };
}
