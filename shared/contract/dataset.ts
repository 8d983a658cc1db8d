import { z } from "zod";

/** Any 8-4-4-4-12 hex id that Postgres takes for a uuid. */
const projectId = z.guid();
/** What can be part of a login: no control characters, no halves of characters; Postgres could not store either. */
const kaggleField = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, "String should have no control characters");

export const startDatasetRequest = z.object({ project_id: projectId });

/** The seed's body; every field but `success` is null while the run goes on. */
export const startDatasetReply = z.object({
  success: z.literal(true),
  dataset_name: z.string(),
  gcs_url: z.string(),
  size: z.string().nullable(),
  run_id: z.int().nullable(),
});

export const pendingDatasetReply = z.object({
  success: z.literal(false),
  dataset_name: z.null(),
  gcs_url: z.null(),
  size: z.null(),
  run_id: z.int(),
  status_url: z.url(),
});

export const saveCredentialsRequest = z.object({
  project_id: projectId,
  kaggle_username: kaggleField,
  kaggle_key: kaggleField,
});

export const successReply = z.object({ success: z.boolean(), message: z.string() });

export const datasetStatusParams = z.object({ project_id: projectId });

/** The run that a project's newest request for data started. */
export const datasetRun = z.object({
  id: z.int(),
  state: z.enum(["queued", "launching", "running", "succeeded", "failed", "cancelled"]),
  attempt: z.int(),
  max_attempts: z.int(),
  phase: z.string().nullable(),
  progress: z.record(z.string(), z.unknown()).nullable(),
  eta_seconds: z.number().nullable(),
  error_code: z.string().nullable(),
  error_message: z.string().nullable(),
  created_at: z.string(),
  started_at: z.string().nullable(),
  finished_at: z.string().nullable(),
});

/** Rows as they are stored, so that clients find every column that they know. */
const row = z.record(z.string(), z.unknown());

export const datasetStatusReply = z.object({
  dataset: row.nullable(),
  logs: z.array(row),
  project_status: z.string(),
  run: datasetRun.nullable(),
});
