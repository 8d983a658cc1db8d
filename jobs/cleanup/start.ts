import { openBucket } from "../../shared/cloud/storage.ts";
import {
  listForgottenQueries,
  listForgottenSeals,
  listKnownJobs,
  listUnreferencedArtifacts,
  listUnreferencedObjects,
  listUnreferencedSnapshots,
  listUnreferencedUploads,
} from "../../shared/db/cleanup.ts";
import { connectDb } from "../../shared/db/connect-db.ts";
import { finishRun, listLiveRuns } from "../../shared/db/runs.ts";
import { jobEnv, readEnv } from "../job-env.ts";
import { nativeCrc32c } from "../native-crc32c.ts";
import { persist } from "../persist.ts";
import { controlRun } from "../run-control.ts";
import { runJob } from "../run-job.ts";
import { cleanUp } from "./run.ts";

/** Runs the attempt that the environment names; resolves to the process's exit code. */
export async function start(processEnv: NodeJS.ProcessEnv, terminated: AbortSignal): Promise<number> {
  const env = readEnv(jobEnv, processEnv);
  const db = connectDb({ url: env.SUPABASE_URL, key: env.SUPABASE_SERVICE_ROLE_KEY });
  const bucket = openBucket({ name: env.STORAGE_BUCKET, endpoint: env.STORAGE_ENDPOINT, crc32c: nativeCrc32c });
  const progress = { objects_deleted: 0, bytes_deleted: 0 };
  const log = (line: string) => void process.stdout.write(`${line}\n`);

  return runJob({
    control: controlRun(db, env.RUN_ID, env.RUN_ATTEMPT, env.CLOUD_RUN_EXECUTION),
    terminated,
    snapshot: () => ({ phase: "cleaning", progress }),
    log,
    async work({ signal, heartbeat }) {
      await cleanUp({
        bucket,
        register: {
          listLiveRuns: (runs) => persist(() => listLiveRuns(db, runs)),
          listKnownJobs: (jobs) => persist(() => listKnownJobs(db, jobs)),
          listUnreferenced: (urls) => persist(() => listUnreferencedObjects(db, urls)),
          listUnreferencedUploads: (urls) => persist(() => listUnreferencedUploads(db, urls)),
          listUnreferencedSnapshots: (folders) => persist(() => listUnreferencedSnapshots(db, folders)),
          listUnreferencedArtifacts: (objects) => persist(() => listUnreferencedArtifacts(db, objects)),
          listForgottenQueries: (queries) => persist(() => listForgottenQueries(db, queries)),
          listForgottenSeals: (seals) => persist(() => listForgottenSeals(db, seals)),
        },
        now: new Date(),
        signal,
        onDeleted(bytes) {
          progress.objects_deleted += 1;
          progress.bytes_deleted += bytes;
        },
      });
      await heartbeat.finish();
      signal.throwIfAborted();
      const outcome = await persist(() => finishRun(db, env.RUN_ID, env.RUN_ATTEMPT, progress));
      log(`${outcome}: ${progress.objects_deleted} objects deleted, ${progress.bytes_deleted} bytes`);
    },
  });
}
