import { rm } from "node:fs/promises";
import { availableParallelism, tmpdir, totalmem } from "node:os";
import { openBucket } from "../../shared/cloud/storage.ts";
import { connectDb } from "../../shared/db/connect-db.ts";
import { getSyncTask, publishSnapshot } from "../../shared/db/sync-task.ts";
import { jobEnv, readEnv } from "../job-env.ts";
import { nativeCrc32c } from "../native-crc32c.ts";
import { persist } from "../persist.ts";
import { controlRun } from "../run-control.ts";
import { deleteObjects, listFolder, runFolder } from "../run-folder.ts";
import { type JobContext, runJob } from "../run-job.ts";
import { connectSnowflake } from "../snowflake/connect-snowflake.ts";
import { readCredentials, snowflakeEnv } from "../snowflake/snowflake-env.ts";
import { makeScratch } from "./make-scratch.ts";
import { syncTable } from "./run.ts";
import { SyncProgress } from "./sync-progress.ts";

const KIND = "snowflake-to-duckdb";
const syncEnv = jobEnv.extend(snowflakeEnv.shape);
/** Snowflake ends a statement by itself after two days. */
const STATEMENT_SECONDS = 172_800;
/** DuckDB's part of the memory; it spills beyond. Node, buffers and a file system in memory need theirs. */
const DUCKDB_SHARE = 0.5;

/** Runs the attempt that the environment names; resolves to the process's exit code. */
export async function start(processEnv: NodeJS.ProcessEnv, terminated: AbortSignal): Promise<number> {
  const env = readEnv(syncEnv, processEnv);
  const credentials = readCredentials(env);
  const db = connectDb({ url: env.SUPABASE_URL, key: env.SUPABASE_SERVICE_ROLE_KEY });
  const bucket = openBucket({ name: env.STORAGE_BUCKET, endpoint: env.STORAGE_ENDPOINT, crc32c: nativeCrc32c });
  const log = (line: string) => void process.stdout.write(`${line}\n`);
  const progress = new SyncProgress(log);
  const tag = `corral:${KIND}:${env.RUN_ID}:${env.RUN_ATTEMPT}`;
  const scratch = await makeScratch(tmpdir());
  let folder: string | undefined;
  let isOffered = false;

  async function work({ signal, heartbeat }: JobContext): Promise<void> {
    const task = await persist(() => getSyncTask(db, env.RUN_ID, env.RUN_ATTEMPT));
    if (task.outcome === "stale") return log("stopped: the run is somebody else's by now");
    folder = task.folder;
    const statementSeconds = task.spec.timeoutSeconds ?? STATEMENT_SECONDS;
    const snapshot = await syncTable({
      ...{ task, tag, bucket, scratch, progress, log, signal },
      connect: (until) => connectSnowflake({ env, credentials, tag, statementSeconds, signal: until }),
      database: env.SNOWFLAKE_DATABASE,
      integration: env.SNOWFLAKE_STORAGE_INTEGRATION,
      folder: `${runFolder(KIND, env.RUN_ID)}${env.RUN_ATTEMPT}/`,
      resources: {
        memoryMb: Math.floor((availableMemory() * DUCKDB_SHARE) / 1024 ** 2),
        threads: availableParallelism(),
      },
    });
    await heartbeat.finish();
    signal.throwIfAborted();
    isOffered = true;
    const outcome = await persist(() => publishSnapshot(db, env.RUN_ID, env.RUN_ATTEMPT, snapshot));
    log(`${outcome}: ${task.version} with ${snapshot.rowCount} rows`);
    await clearUp();
  }

  /**
   * Removes what no attempt of the run needs any more. Earlier attempts were not published, or there would be no later
   * one; of this one nobody knows once it has offered its snapshot.
   */
  async function clearUp(): Promise<void> {
    const dead = folder === undefined ? [] : deadFolders(folder, env.RUN_ATTEMPT, isOffered);
    const prefixes = [runFolder(KIND, env.RUN_ID), ...dead.map((one) => `snapshots/${one}/`)];
    for (const prefix of prefixes) await deleteObjects(await listFolder(bucket, prefix));
  }

  try {
    return await runJob({
      control: controlRun(db, env.RUN_ID, env.RUN_ATTEMPT, env.CLOUD_RUN_EXECUTION),
      terminated,
      snapshot: () => progress.snapshot(),
      work,
      clearUp,
      log,
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The folders of attempts whose snapshots nobody will ever see; the attempt's number is the end of a folder's name. */
function deadFolders(folder: string, attempt: number, isOffered: boolean): string[] {
  const last = isOffered ? attempt - 1 : attempt;
  return Array.from({ length: last }, (_, at) => folder.replace(/\d+$/, String(at + 1)));
}

/** What the container may use, or the machine. */
function availableMemory(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
