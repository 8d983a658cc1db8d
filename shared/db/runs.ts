import { answer, onlyRow } from "./answers.ts";
import type { Db } from "./connect-db.ts";
import type { Database, Json } from "./database.types.ts";

type Enums = Database["corral"]["Enums"];
export type RunKind = Enums["run_kind"];
export type RunState = Enums["run_state"];

export type ClaimedRun = { outcome: "claimed"; kind: RunKind; attempt: number } | { outcome: "not_due" | "gone" };

/** Takes a queued run that is due, as a new attempt; of several callers one gets it. */
export async function claimRun(db: Db, run: number): Promise<ClaimedRun> {
  const { outcome, kind, attempt } = await onlyRow(db.rpc("claim_run", { p_run: run }));
  return outcome === "claimed" ? { outcome, kind, attempt } : { outcome };
}

/** Notes the Cloud Run execution of an attempt; resolves to whether the attempt is current. */
export async function recordLaunch(db: Db, run: number, attempt: number, execution: string): Promise<boolean> {
  return answer(db.rpc("record_launch", { p_run: run, p_attempt: attempt, p_execution: execution }));
}

/** Sends an attempt whose launch failed back to the queue; false when its container has started after all. */
export async function failLaunch(db: Db, run: number, attempt: number, error: string): Promise<boolean> {
  return answer(db.rpc("fail_launch", { p_run: run, p_attempt: attempt, p_error: error }));
}

export type StartedRun =
  | { outcome: "started"; subject: string; args: Json; leaseSeconds: number }
  | { outcome: "stale" };

/** Begins an attempt in its container; stale when it was begun before, or is over. */
export async function startRun(db: Db, run: number, attempt: number, execution: string): Promise<StartedRun> {
  const row = await onlyRow(db.rpc("start_run", { p_run: run, p_attempt: attempt, p_execution: execution }));
  if (row.outcome !== "started") return { outcome: row.outcome };
  const { outcome, subject, args } = row;
  return { outcome, subject, args, leaseSeconds: row.lease_seconds };
}

/** Extends the attempt's lease and notes how far it is; stop when the attempt is no longer the run's. */
export async function reportProgress(
  db: Db,
  run: number,
  attempt: number,
  { phase, progress }: { phase: string; progress?: Json },
): Promise<Enums["progress_outcome"]> {
  return answer(
    db.rpc("report_progress", { p_run: run, p_attempt: attempt, p_phase: phase, p_progress: progress ?? undefined }),
  );
}

export interface RunFailure {
  code: string;
  /** For the project's owner. */
  message: string;
  retryable: boolean;
  /** The earliest moment that a retry makes sense, in seconds from now; null leaves it to the backoff. */
  retryAfterSeconds: number | null;
}

/** Ends an attempt that failed: the run is repeated later, or has failed with it. */
export async function failRun(
  db: Db,
  run: number,
  attempt: number,
  failure: RunFailure,
): Promise<Enums["failure_outcome"]> {
  return answer(
    db.rpc("fail_run", {
      p_run: run,
      p_attempt: attempt,
      p_code: failure.code,
      p_message: failure.message,
      p_retryable: failure.retryable,
      p_retry_after_seconds: failure.retryAfterSeconds ?? undefined,
    }),
  );
}

/** Gives back an attempt that was told to stop: the run is due at once and nothing counts as failed. */
export async function releaseRun(db: Db, run: number, attempt: number): Promise<boolean> {
  return answer(db.rpc("release_run", { p_run: run, p_attempt: attempt }));
}

/** Ends an attempt of a kind whose work needs no publication. */
export async function finishRun(
  db: Db,
  run: number,
  attempt: number,
  progress?: Json,
): Promise<Enums["finish_outcome"]> {
  return answer(db.rpc("finish_run", { p_run: run, p_attempt: attempt, p_progress: progress ?? undefined }));
}

/** Of these runs, those that are queued, launching or running. */
export async function listLiveRuns(db: Db, runs: number[]): Promise<number[]> {
  return answer(db.rpc("list_live_runs", { p_runs: runs }));
}
