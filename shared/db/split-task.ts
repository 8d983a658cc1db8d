import { answer, onlyRow } from "./answers.ts";
import type { Db } from "./connect-db.ts";
import type { Database } from "./database.types.ts";

type Enums = Database["corral"]["Enums"];

/** Into how many chunks; or how many rows are in each at most. */
export type SplitWish = { chunks: number; rowsPerChunk: null } | { chunks: null; rowsPerChunk: number };

export type SplitTask =
  | {
      outcome: "ready";
      jobId: number;
      /** An object of the bucket as gs://…, or a public URL. */
      dataUrl: string;
      /** The file in an archive; null leaves the choice to the job. */
      dataFile: string | null;
      wish: SplitWish;
    }
  | { outcome: "stale" };

/** Which job's data the current attempt of a run is to split, and how. */
export async function getSplitTask(db: Db, run: number, attempt: number): Promise<SplitTask> {
  const row = await onlyRow(db.rpc("get_split_task", { p_run: run, p_attempt: attempt }));
  if (row.outcome !== "ready") return { outcome: row.outcome };
  const { outcome, job_id, data_url, data_file, chunks, rows_per_chunk } = row;
  const wish =
    rows_per_chunk === null ? { chunks, rowsPerChunk: null } : { chunks: null, rowsPerChunk: rows_per_chunk };
  return { outcome, jobId: job_id, dataUrl: data_url, dataFile: data_file, wish };
}

/** A chunk that a task is about. */
export interface TaskChunk {
  /** The task's, within its job. */
  number: number;
  /** gs:// */
  url: string;
  rows: number;
  bytes: number;
}

/** Stores tasks that nobody can claim yet, at most a thousand; a task that is there already is replaced. */
export async function addTasks(
  db: Db,
  run: number,
  attempt: number,
  chunks: TaskChunk[],
): Promise<Enums["add_tasks_outcome"]> {
  const p_chunks = chunks.map(({ number, url, rows, bytes }) => ({ number, chunk: url, rows, bytes }));
  return answer(db.rpc("add_tasks", { p_run: run, p_attempt: attempt, p_chunks }));
}

/** Lets the job's tasks, from 1 to the total, be claimed and ends the run, all at once; stale when the attempt was replaced. */
export async function publishTasks(
  db: Db,
  run: number,
  attempt: number,
  { total, rows }: { total: number; rows: number },
): Promise<Enums["publish_outcome"]> {
  return answer(db.rpc("publish_tasks", { p_run: run, p_attempt: attempt, p_total: total, p_rows: rows }));
}
