import { JobFailure } from "../job-failure.ts";

/** How many tasks a job can have: its tasks' ids hold a number of seven digits. */
export const MAX_CHUNKS = 9_999_999;
/** For jobs that do not say how they want to be split. */
const DEFAULT_CHUNKS = 10;

export interface SplitWish {
  chunks: number | null;
  rowsPerChunk: number | null;
}

export interface ChunkPlan {
  rows: number;
  count: number;
  /** How many rows the chunk with this number has, from 1; no two chunks differ by more than one. */
  rowsOf(number: number): number;
  /** The chunk's object name without its extension; the names sort as the numbers do. */
  nameOf(number: number): string;
}

/** Divides rows evenly: into so many chunks, or into as few as hold at most so many rows each; none is empty. */
export function planChunks(rows: number, { chunks, rowsPerChunk }: SplitWish): ChunkPlan {
  const wanted = rowsPerChunk === null ? (chunks ?? DEFAULT_CHUNKS) : Math.ceil(rows / rowsPerChunk);
  const count = Math.max(1, Math.min(wanted, rows));
  if (count > MAX_CHUNKS) {
    const most = Math.ceil(rows / MAX_CHUNKS);
    const message = `Cannot split ${rows} rows into ${count} chunks: a job has at most ${MAX_CHUNKS}. Ask for ${most} rows per chunk or more.`;
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
