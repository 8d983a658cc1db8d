import { answer, onlyRow } from "./answers.ts";
import type { Db } from "./connect-db.ts";
import type { Database, Json } from "./database.types.ts";

type Enums = Database["corral"]["Enums"];
export type AggregateMode = Enums["aggregate_mode"];

export type AggregateTask =
  | { outcome: "ready"; jobId: number; mode: AggregateMode; total: number }
  | { outcome: "stale" };

/** Which job's results the current attempt of a run is to make into one, and how. */
export async function getAggregateTask(db: Db, run: number, attempt: number): Promise<AggregateTask> {
  const row = await onlyRow(db.rpc("get_aggregate_task", { p_run: run, p_attempt: attempt }));
  if (row.outcome !== "ready") return { outcome: row.outcome };
  return { outcome: row.outcome, jobId: row.job_id, mode: row.aggregate, total: row.total };
}

export interface TaskResult {
  /** The task's, within its job. */
  number: number;
  /** As the agent told it; empty or null when it told none. */
  resultUrl: string | null;
  /** What the result was made from; null when nobody knows. */
  rows: number | null;
}

/** The results of completed tasks whose numbers come after one, in their order; at most so many. */
export async function listResults(
  db: Db,
  run: number,
  attempt: number,
  { after, limit }: { after: number; limit: number },
): Promise<TaskResult[]> {
  const rows = await answer(db.rpc("list_results", { p_run: run, p_attempt: attempt, p_after: after, p_limit: limit }));
  return rows.map(({ number, result_url, rows }) => ({ number, resultUrl: result_url, rows }));
}

/** Gives the job its result, or none, and ends the run, all at once; stale when the attempt was replaced. */
export async function publishResult(
  db: Db,
  run: number,
  attempt: number,
  { url, details }: { url: string | null; details: Json },
): Promise<Enums["publish_outcome"]> {
  return answer(
    db.rpc("publish_result", { p_run: run, p_attempt: attempt, p_url: url ?? undefined, p_details: details }),
  );
}
