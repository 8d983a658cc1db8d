import { openBucket } from "../../shared/cloud/storage.ts";
import { getAggregateTask, listResults, publishResult, type TaskResult } from "../../shared/db/aggregate-task.ts";
import { connectDb } from "../../shared/db/connect-db.ts";
import { jobEnv, readEnv } from "../job-env.ts";
import { nativeCrc32c } from "../native-crc32c.ts";
import { persist } from "../persist.ts";
import { controlRun } from "../run-control.ts";
import { type JobContext, runJob } from "../run-job.ts";
import { untilAborted } from "../until-aborted.ts";
import { AggregateProgress, aggregateResults } from "./run.ts";

const PAGE_SIZE = 1000;

/** Runs the attempt that the environment names; resolves to the process's exit code. */
export async function start(processEnv: NodeJS.ProcessEnv, terminated: AbortSignal): Promise<number> {
  const env = readEnv(jobEnv, processEnv);
  const { RUN_ID: run, RUN_ATTEMPT: attempt, STORAGE_ENDPOINT: endpoint } = env;
  const db = connectDb({ url: env.SUPABASE_URL, key: env.SUPABASE_SERVICE_ROLE_KEY });
  const bucket = openBucket({ name: env.STORAGE_BUCKET, endpoint, crc32c: nativeCrc32c });
  const progress = new AggregateProgress();
  const log = (line: string) => void process.stdout.write(`${line}\n`);

  async function listAll(signal: AbortSignal): Promise<TaskResult[]> {
    const all: TaskResult[] = [];
    for (;;) {
      signal.throwIfAborted();
      const after = all.at(-1)?.number ?? 0;
      const page = await persist(() => listResults(db, run, attempt, { after, limit: PAGE_SIZE }));
      all.push(...page);
      if (page.length < PAGE_SIZE) return all;
    }
  }

  async function work({ signal, heartbeat }: JobContext): Promise<void> {
    const task = await persist(() => getAggregateTask(db, run, attempt));
    if (task.outcome === "stale") return log("stopped: the run is somebody else's by now");
    const tasks = await listAll(signal);
    // A list that ends early, for the run was given away meanwhile, must not become a result.
    if (tasks.length !== task.total) throw new Error(`the job has ${task.total} tasks, ${tasks.length} are listed`);
    log(`aggregating ${tasks.length} results of job ${task.jobId} (${task.mode})`);
    const { jobId, mode } = task;
    const options = { jobId, runId: run, mode, tasks, bucket, progress, signal };
    const { url, details } = await untilAborted(signal, aggregateResults(options));
    await heartbeat.finish();
    signal.throwIfAborted();
    const outcome = await persist(() => publishResult(db, run, attempt, { url, details }));
    log(`${outcome}: ${url ?? `nothing, since ${details.reason}`}`);
  }

  return runJob({
    control: controlRun(db, run, attempt, env.CLOUD_RUN_EXECUTION),
    terminated,
    snapshot: () => progress.snapshot(),
    work,
    log,
  });
}
