import { z } from "zod";
import type { KaggleCredentials } from "../../shared/cloud/kaggle.ts";
import { openBucket } from "../../shared/cloud/storage.ts";
import { connectDb } from "../../shared/db/connect-db.ts";
import {
  type DatasetTask,
  getDatasetTask,
  type Milestone,
  publishDataset,
  recordMilestone,
} from "../../shared/db/dataset-task.ts";
import { jobEnv, readEnv } from "../job-env.ts";
import { JobFailure } from "../job-failure.ts";
import { nativeCrc32c } from "../native-crc32c.ts";
import { persist } from "../persist.ts";
import { controlRun } from "../run-control.ts";
import { deleteObjects, listFolder, runFolder } from "../run-folder.ts";
import { type JobContext, runJob } from "../run-job.ts";
import { IngestProgress, type IngestTask, ingestDataset } from "./run.ts";

const ingestEnv = jobEnv.extend({
  KAGGLE_API_URL: z.url().default("https://api.kaggle.com/v1"),
  KAGGLE_API_TOKEN: z.string().optional(),
  KAGGLE_USERNAME: z.string().optional(),
  KAGGLE_KEY: z.string().optional(),
  TRANSFER_CONNECTIONS: z.coerce.number().int().min(1).max(32).default(8),
  /** Otherwise it follows from the archive's size. */
  TRANSFER_PART_BYTES: z.coerce.number().int().min(1).optional(),
});
type IngestEnv = z.output<typeof ingestEnv>;

const SIZE_FAULT = "max_dataset_size_gb must be a number of GB above 0";

/** Of a project's metadata, what this job reads; anything else in there is for others. */
const taskOptions = z.object({
  kaggle_ref: z
    .string("kaggle_ref must be a text, owner/name")
    .trim()
    .nullish()
    .transform((ref) => ref || null),
  max_dataset_size_gb: z.number(SIZE_FAULT).positive(SIZE_FAULT).nullish(),
  allowed_licenses: z
    .union([z.array(z.string()), z.string().transform((license) => [license])], {
      error: "allowed_licenses must be a list of licence names",
    })
    .nullish()
    .transform((licenses) => licenses ?? []),
});

/** Runs the attempt that the environment names; resolves to the process's exit code. */
export async function start(processEnv: NodeJS.ProcessEnv, terminated: AbortSignal): Promise<number> {
  const env = readEnv(ingestEnv, processEnv);
  const db = connectDb({ url: env.SUPABASE_URL, key: env.SUPABASE_SERVICE_ROLE_KEY });
  const bucket = openBucket({ name: env.STORAGE_BUCKET, endpoint: env.STORAGE_ENDPOINT, crc32c: nativeCrc32c });
  const folder = runFolder("kaggle-to-gcs", env.RUN_ID);
  const progress = new IngestProgress();
  const log = (line: string) => void process.stdout.write(`${line}\n`);

  async function tell(milestone: Milestone): Promise<void> {
    log(milestone.log);
    await persist(() => recordMilestone(db, env.RUN_ID, env.RUN_ATTEMPT, milestone));
  }

  async function work({ signal, heartbeat }: JobContext): Promise<void> {
    const task = await persist(() => getDatasetTask(db, env.RUN_ID, env.RUN_ATTEMPT));
    if (task.outcome === "stale") return log("stopped: the run is somebody else's by now");
    const { chosen, candidates, stored } = await ingestDataset({
      task: toIngestTask(task),
      kaggleUrl: env.KAGGLE_API_URL,
      credentials: chooseCredentials(task.credentials, env),
      bucket,
      folder,
      connections: env.TRANSFER_CONNECTIONS,
      partBytes: env.TRANSFER_PART_BYTES,
      md5Worker: new URL("md5-worker.mjs", import.meta.url),
      progress,
      tell: (line, message) => tell({ log: line, message }),
      warn: (line) => tell({ log: line, level: "warning" }),
      now: () => new Date(),
      signal,
    });
    await heartbeat.finish();
    signal.throwIfAborted();
    const outcome = await persist(() =>
      publishDataset(db, env.RUN_ID, env.RUN_ATTEMPT, {
        name: chosen.ref,
        gcsUrl: stored.url,
        sizeBytes: stored.bytes,
        crc32c: stored.crc32c,
        md5: stored.md5,
        kaggleVersion: chosen.version,
        license: chosen.license,
        candidates: candidates.map((candidate) => ({ ...candidate })),
      }),
    );
    log(`${outcome}: ${stored.url}`);
  }

  return runJob({
    control: controlRun(db, env.RUN_ID, env.RUN_ATTEMPT, env.CLOUD_RUN_EXECUTION),
    terminated,
    snapshot: () => progress.snapshot(),
    work,
    clearUp: async () => deleteObjects(await listFolder(bucket, folder)),
    log,
  });
}

function toIngestTask(task: Extract<DatasetTask, { outcome: "ready" }>): IngestTask {
  const { data: options, error } = taskOptions.safeParse(task.options);
  // A wish that is not understood must not count as none: it may be the one that forbids.
  if (error !== undefined) {
    const faults = error.issues.map(({ message }) => message).join("; ");
    throw new JobFailure("invalid_metadata", `The project's metadata is not understood: ${faults}. Correct it.`);
  }
  return {
    projectName: task.projectName,
    keywords: task.keywords.filter((keyword) => keyword.trim() !== ""),
    maxGigabytes: options.max_dataset_size_gb ?? task.maxDatasetSizeGb,
    kaggleRef: options.kaggle_ref,
    allowedLicenses: options.allowed_licenses,
  };
}

/** The project's own login before the job's; of the job's, the token before the older pair. */
function chooseCredentials(own: KaggleCredentials | null, env: IngestEnv): KaggleCredentials {
  if (own !== null) return own;
  const { KAGGLE_API_TOKEN: token, KAGGLE_USERNAME: username, KAGGLE_KEY: key } = env;
  if (token !== undefined) return { token };
  if (username !== undefined && key !== undefined) return { username, key };
  throw new JobFailure(
    "kaggle_unauthorized",
    "There is no Kaggle login for this project. Save a Kaggle username and key for it.",
  );
}
