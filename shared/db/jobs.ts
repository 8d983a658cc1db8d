import { answer, onlyRow } from "./answers.ts";
import { type Caller, callerArgs } from "./caller-args.ts";
import type { Db } from "./connect-db.ts";
import type { Database } from "./database.types.ts";
import type { NullableRow } from "./nullable-row.ts";

type Enums = Database["corral"]["Enums"];
export type JobStatus = Enums["job_status"];
export type JobAction = Enums["job_action"];

/** What a job is to be; objects of the bucket are named as gs:// URLs. */
export interface JobSpec {
  title: string;
  /** Null: the caller's own, or nobody's. */
  userId: string | null;
  /** Null: the one for everybody. */
  swarm: string | null;
  projectId: string | null;
  dataUrl: string | null;
  dataFile: string | null;
  codeUrl: string | null;
  requirementsUrl: string | null;
  chunks: number | null;
  rowsPerChunk: number | null;
  taskTimeoutSeconds: number;
  maxAttempts: number;
  priority: number;
  ramGb: number | null;
  gpuModel: string | null;
  tags: string[] | null;
  aggregate: Enums["aggregate_mode"];
  idempotencyKey: string | null;
  /** Nothing happens to it before it is submitted. */
  isDraft: boolean;
}

export type CreatedJob =
  | { outcome: "created" | "existing"; jobId: number }
  | { outcome: Exclude<Enums["create_job_outcome"], "created" | "existing"> };

/** Adds a job and starts to split its data; the same idempotency key again gives the same job. */
export async function createJob(db: Db, spec: JobSpec, caller: Caller): Promise<CreatedJob> {
  const p_spec = {
    title: spec.title,
    user_id: spec.userId,
    swarm: spec.swarm,
    project_id: spec.projectId,
    data_url: spec.dataUrl,
    data_file: spec.dataFile,
    code_url: spec.codeUrl,
    requirements_url: spec.requirementsUrl,
    chunks: spec.chunks,
    rows_per_chunk: spec.rowsPerChunk,
    task_timeout_seconds: spec.taskTimeoutSeconds,
    max_attempts: spec.maxAttempts,
    priority: spec.priority,
    ram_gb: spec.ramGb,
    gpu_model: spec.gpuModel,
    tags: spec.tags,
    aggregate: spec.aggregate,
    idempotency_key: spec.idempotencyKey,
    draft: spec.isDraft,
  };
  const row = await onlyRow(db.rpc("create_job", { p_spec, ...callerArgs(caller) }));
  if (row.outcome === "created" || row.outcome === "existing") return { outcome: row.outcome, jobId: row.job_id };
  return { outcome: row.outcome };
}

export type UploadFolder = { outcome: "allowed"; folder: string } | { outcome: "unauthorized" };

/** The folder of the bucket that a caller may put files for his jobs into, without a slash at its end. */
export async function findUploadFolder(db: Db, caller: Caller): Promise<UploadFolder> {
  const { outcome, folder } = await onlyRow(db.rpc("find_upload_folder", callerArgs(caller)));
  return outcome === "allowed" ? { outcome, folder } : { outcome };
}

/** Where an uploaded job's files are, as gs:// URLs. */
export interface StoredFiles {
  codeUrl: string;
  requirementsUrl: string | null;
  dataUrl: string;
}

/** Ends a draft: its files are there, and its data can be split. */
export async function submitJob(
  db: Db,
  job: number,
  { codeUrl, requirementsUrl, dataUrl }: StoredFiles,
  caller: Caller,
): Promise<Enums["submit_job_outcome"]> {
  return answer(
    db.rpc("submit_job", {
      p_job: job,
      p_code_url: codeUrl,
      p_requirements_url: requirementsUrl ?? undefined,
      p_data_url: dataUrl,
      ...callerArgs(caller),
    }),
  );
}

type JobColumn = Exclude<keyof Database["public"]["Functions"]["get_job"]["Returns"][number], "outcome">;
/** A job with its counts as they are this moment. */
export type JobRow = Pick<
  NullableRow<
    "get_job",
    | "id"
    | "title"
    | "status"
    | "is_paused"
    | "created_at"
    | "aggregate"
    | "total_subtasks"
    | "completed_subtasks"
    | "running_subtasks"
    | "pending_subtasks"
    | "failed_subtasks"
    | "cancelled_subtasks"
    | "failures"
  >,
  JobColumn
>;

export type FoundJob = { outcome: "found"; job: JobRow } | { outcome: "job_not_found" | "unauthorized" };

/** What there is to tell about a job. */
export async function getJob(db: Db, id: number, caller: Caller): Promise<FoundJob> {
  const { outcome, ...job } = await onlyRow(db.rpc("get_job", { p_job: id, ...callerArgs(caller) }));
  return outcome === "found" ? { outcome, job } : { outcome };
}

export type JobResult = Pick<JobRow, "title" | "status" | "owner_id" | "final_result_url">;
export type DownloadedJob =
  | { outcome: "found"; job: JobResult }
  | { outcome: Exclude<Enums["download_job_outcome"], "found"> };

/** Where a job's result is; others than its owner learn that the job exists. */
export async function downloadJob(db: Db, id: number, caller: Caller): Promise<DownloadedJob> {
  const { outcome, ...job } = await onlyRow(db.rpc("download_job", { p_job: id, ...callerArgs(caller) }));
  return outcome === "found" ? { outcome, job } : { outcome };
}

export type ListedJob = NullableRow<"list_jobs", "id" | "title" | "status" | "created_at">;

/** An owner's newest jobs, newest first; none where they are not for the caller to see. */
export async function listJobs(db: Db, owner: string, caller: Caller): Promise<ListedJob[]> {
  return answer(db.rpc("list_jobs", { p_owner: owner, ...callerArgs(caller) }));
}

export type ControlledJob =
  | { outcome: "done" | "unchanged" | "job_over"; status: JobStatus; tasks: number }
  | { outcome: "job_not_found" }
  | { outcome: "unauthorized" };

/** Cancels, pauses or resumes a job, or hands out again what failed. */
export async function controlJob(db: Db, job: number, action: JobAction, caller: Caller): Promise<ControlledJob> {
  const row = await onlyRow(db.rpc("control_job", { p_job: job, p_action: action, ...callerArgs(caller) }));
  if (row.outcome === "job_not_found" || row.outcome === "unauthorized") return { outcome: row.outcome };
  return { outcome: row.outcome, status: row.status, tasks: row.tasks };
}
