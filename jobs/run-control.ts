import type { Db } from "../shared/db/connect-db.ts";
import { failRun, listLiveRuns, releaseRun, reportProgress, startRun } from "../shared/db/runs.ts";
import type { Snapshot } from "./heartbeat.ts";
import type { JobFailure } from "./job-failure.ts";
import { persist } from "./persist.ts";

/** What a job tells Postgres about its own attempt; once that is no longer current, nothing it says has an effect. */
export interface RunControl {
  /** False when the attempt was started before, or is over. */
  start(): Promise<{ leaseSeconds: number } | false>;
  report(snapshot: Snapshot): Promise<"continue" | "stop">;
  fail(failure: JobFailure): Promise<"retrying" | "failed" | "stale">;
  /** Puts the run back into the queue, due at once. */
  release(): Promise<void>;
  /** Whether no attempt of the run will follow. */
  isOver(): Promise<boolean>;
}

/** Binds the SQL functions of a run's life to one attempt. */
export function controlRun(db: Db, run: number, attempt: number, execution: string): RunControl {
  return {
    async start() {
      const started = await persist(() => startRun(db, run, attempt, execution));
      return started.outcome === "started" && { leaseSeconds: started.leaseSeconds };
    },
    report: (snapshot) => reportProgress(db, run, attempt, snapshot),
    fail: (failure) => persist(() => failRun(db, run, attempt, failure)),
    async release() {
      await releaseRun(db, run, attempt);
    },
    isOver: async () => (await persist(() => listLiveRuns(db, [run]))).length === 0,
  };
}
