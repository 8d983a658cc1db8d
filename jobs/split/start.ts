import { allowedHosts } from "../../shared/cloud/public-url.ts";
import { openBucket } from "../../shared/cloud/storage.ts";
import { connectDb } from "../../shared/db/connect-db.ts";
import { getJob } from "../../shared/db/jobs.ts";
import { addTasks, getSplitTask, publishTasks } from "../../shared/db/split-task.ts";
import { jobEnv, readEnv } from "../job-env.ts";
import { nativeCrc32c } from "../native-crc32c.ts";
import { persist } from "../persist.ts";
import { controlRun, type RunControl } from "../run-control.ts";
import { type JobContext, runJob } from "../run-job.ts";
import { removeChunks } from "./remove-chunks.ts";
import { splitDataset } from "./run.ts";
import { SplitProgress } from "./split-progress.ts";
import { StaleAttempt } from "./task-batches.ts";

const splitEnv = jobEnv.extend({ FETCH_ALLOWED_HOSTS: allowedHosts });

/** Runs the attempt that the environment names; resolves to the process's exit code. */
export async function start(processEnv: NodeJS.ProcessEnv, terminated: AbortSignal): Promise<number> {
  const env = readEnv(splitEnv, processEnv);
  const db = connectDb({ url: env.SUPABASE_URL, key: env.SUPABASE_SERVICE_ROLE_KEY });
  const bucket = openBucket({ name: env.STORAGE_BUCKET, endpoint: env.STORAGE_ENDPOINT, crc32c: nativeCrc32c });
  const progress = new SplitProgress();
  const log = (line: string) => void process.stdout.write(`${line}\n`);
  let jobId: number | undefined;
  let hasFailed = false;

  async function work({ signal, heartbeat }: JobContext): Promise<void> {
    const task = await persist(() => getSplitTask(db, env.RUN_ID, env.RUN_ATTEMPT));
    if (task.outcome === "stale") return log("stopped: the run is somebody else's by now");
    jobId = task.jobId;
    const split = await splitDataset({
      task,
      bucket,
      allowed: env.FETCH_ALLOWED_HOSTS,
      progress,
      addTasks: (chunks) => persist(() => addTasks(db, env.RUN_ID, env.RUN_ATTEMPT, chunks)),
      log,
      signal,
    });
    await heartbeat.finish();
    signal.throwIfAborted();
    const { rows, chunks: total } = split;
    const outcome = await persist(() => publishTasks(db, env.RUN_ID, env.RUN_ATTEMPT, { total, rows }));
    log(`${outcome}: ${total} tasks of ${rows} rows`);
  }

  /** An attempt that lost its run may have lost it to one that has published these very chunks by now. */
  async function clearUp(): Promise<void> {
    if (jobId === undefined) return;
    if (hasFailed || (await isJobDead(jobId))) await removeChunks(bucket, jobId);
  }

  async function isJobDead(id: number): Promise<boolean> {
    const found = await persist(() => getJob(db, id, { userId: null, isAdmin: true }));
    return found.outcome !== "found" || found.job.status === "CANCELLED" || found.job.status === "FAILED";
  }

  const control: RunControl = controlRun(db, env.RUN_ID, env.RUN_ATTEMPT, env.CLOUD_RUN_EXECUTION);
  return runJob({
    control: {
      ...control,
      async fail(failure) {
        const outcome = await control.fail(failure);
        hasFailed = outcome === "failed";
        return outcome;
      },
    },
    terminated,
    snapshot: () => progress.snapshot(),
    async work(context) {
      try {
        await work(context);
      } catch (error) {
        if (!(error instanceof StaleAttempt)) throw error;
        log("stopped: the run is somebody else's by now");
        await clearUp();
      }
    },
    clearUp,
    log,
  });
}
