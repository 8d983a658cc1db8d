import type { CloudRun } from "../../shared/cloud/cloud-run.ts";
import type { Db } from "../../shared/db/connect-db.ts";
import { failLaunch, recordLaunch } from "../../shared/db/runs.ts";

export interface ClaimedRun {
  runId: number;
  kind: string;
  attempt: number;
}

/**
 * Launches a claimed run's container and records its execution; the Cloud Run job has the name of the run's kind.
 * A failed launch goes back to the queue, from which the sweep sends it again.
 */
export async function launchRun({ db, cloudRun }: { db: Db; cloudRun: CloudRun }, run: ClaimedRun): Promise<void> {
  const env = { RUN_ID: String(run.runId), RUN_ATTEMPT: String(run.attempt) };
  let execution: string;
  try {
    execution = await cloudRun.launch(run.kind, env);
  } catch (error) {
    console.error(`run ${run.runId}, attempt ${run.attempt}: the launch failed:`, error);
    await failLaunch(db, run.runId, run.attempt, error instanceof Error ? error.message : String(error));
    return;
  }
  await recordLaunch(db, run.runId, run.attempt, execution);
}
