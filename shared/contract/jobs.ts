import { z } from "zod";
import { parseRamGb } from "../parse-ram.ts";
import { MAX_TASKS } from "../task-id.ts";
import { wholeNumber } from "./digits.ts";
import { fileUrl as url } from "./file-url.ts";
import { mediaType } from "./media-type.ts";
import { storableText as text } from "./storable.ts";

const aggregate = z.enum(["none", "concat", "fedavg", "auto"]);
/** An amount of memory: `16GB`, `16,384 MB`, or a number of GB. */
const NO_RAM = "Input should be an amount of memory, such as 16GB or a number of GB";
const ram = z.union([z.string().max(64), z.number()], { error: NO_RAM }).transform((amount, context) => {
  const gb = parseRamGb(amount);
  if (gb !== null) return gb;
  context.addIssue(NO_RAM);
  return z.NEVER;
});

const words = z.string().transform((list) => list.split(",").map((tag) => tag.trim()));

// What a job may be told, here and in a project's metadata.training: corral.find_wish_fault has the same limits.
const chunks = z.int().min(1).max(MAX_TASKS);
const rowsPerChunk = z.int().min(1).max(1_000_000_000_000);
const timeout = z.int().min(1).max(604_800);
const attempts = z.int().min(1).max(100);
const priority = z.int().min(-100).max(100);
const tags = z.array(text(64)).max(16);

interface Division {
  chunks?: number | null | undefined;
  rows_per_chunk?: number | null | undefined;
}
const isDividedOnce = (job: Division) => (job.chunks ?? null) === null || (job.rows_per_chunk ?? null) === null;
const DIVIDED_TWICE = "Give chunks or rows_per_chunk, not both";

export const createJobRequest = z
  .strictObject({
    title: text(256),
    project_id: z.guid().nullish(),
    data_url: url.nullish(),
    /** Of an archive's members, the one that is the data; without it the largest table is. */
    data_file: text(1024).nullish(),
    code_url: url,
    requirements_url: url.nullish(),
    /** Into how many tasks the data is split; 8 unless it or the rows of each are given. */
    chunks: chunks.nullish(),
    rows_per_chunk: rowsPerChunk.nullish(),
    task_timeout_seconds: timeout.default(3600),
    max_attempts: attempts.default(3),
    /** Among its owner's jobs, those with more come first. */
    priority: priority.default(0),
    ram: ram.nullish(),
    /** A part of its name, or `any`. */
    gpu_model: text(128).nullish(),
    tags: tags.nullish(),
    aggregate: aggregate.default("none"),
    idempotency_key: text(255).nullish(),
    /** The owner, where that is not the caller: for admins, and for callers without a token. */
    user_id: z.string().nullish(),
    swarm: text(64).nullish(),
  })
  .refine((job) => (job.project_id ?? null) === null || (job.data_url ?? null) === null, {
    error: "Give project_id or data_url, not both",
  })
  .refine((job) => (job.project_id ?? job.data_url ?? null) !== null, { error: "Give project_id or data_url" })
  .refine(isDividedOnce, { error: DIVIDED_TWICE });

export const createJobHeaders = z.object({ "idempotency-key": text(255).optional() });

const file = z
  .instanceof(File, { error: "Input should be a file" })
  .refine(({ size }) => size > 0, { error: "The file is empty" })
  .meta({ type: "string", format: "binary" });

export const uploadJobRequest = z
  .strictObject({
    title: text(256),
    user_id: z.string().optional(),
    file_code: file,
    /** May be empty. */
    file_req: z.instanceof(File, { error: "Input should be a file" }).meta({ type: "string", format: "binary" }),
    file_data: file,
    data_file: text(1024).optional(),
    chunks: wholeNumber.pipe(chunks).optional(),
    rows_per_chunk: wholeNumber.pipe(rowsPerChunk).optional(),
    task_timeout_seconds: wholeNumber.pipe(timeout).default(3600),
    max_attempts: wholeNumber.pipe(attempts).default(3),
    priority: wholeNumber.pipe(priority).default(0),
    ram: ram.optional(),
    gpu_model: text(128).optional(),
    /** With commas between them. */
    tags: words.pipe(tags).optional(),
    aggregate: aggregate.default("auto"),
    swarm: text(64).optional(),
  })
  .refine(isDividedOnce, { error: DIVIDED_TWICE });

/** What a file may be called: one segment of a path, and room for the rest of an object's 1,024 bytes. */
const filename = text(200).refine((name) => !/[/\\\p{Cc}]|^\.{1,2}$/u.test(name), {
  error: "Input should be a file's name, without folders",
});

export const openUploadRequest = z.strictObject({ filename, content_type: mediaType.nullish() });

export const openUploadReply = z.object({
  url: z.url(),
  method: z.literal("PUT"),
  /** To be sent with the upload. */
  headers: z.record(z.string(), z.string()),
  /** What a job's code_url, requirements_url or data_url calls the file. */
  object_url: z.string(),
  expires_at: z.string(),
});

const jobId = z.int();
const status = z.enum(["PROCESSING", "RUNNING", "AGGREGATING", "COMPLETED", "FAILED", "CANCELLED"]);

export const createJobReply = z.object({ job_id: jobId, status, message: z.string() });

export const jobParams = z.object({
  id: z
    .string()
    .regex(/^\d{1,15}$/, "Input should be a valid integer, greater than 0")
    .transform(Number)
    .meta({ type: "integer" }),
});

/** The newest run about a job: of the split, or of the aggregation. */
export const jobRun = z.object({
  id: z.int(),
  kind: z.enum(["split", "aggregate"]),
  state: z.enum(["queued", "launching", "running", "succeeded", "failed", "cancelled"]),
  attempt: z.int(),
  phase: z.string().nullable(),
  progress: z.record(z.string(), z.unknown()).nullable(),
  error_code: z.string().nullable(),
  error_message: z.string().nullable(),
});

/** Why an attempt at a task failed. */
export const taskFailure = z.object({ task_id: z.int(), attempt: z.int(), reason: z.string(), at: z.string() });

/** The result's URL, to be read by whoever has it for a while, and the object's name, which stays. */
const result = { final_result_url: z.string().nullable(), final_result_object: z.string().nullable() };

export const jobReply = z.object({
  id: jobId,
  title: z.string(),
  status,
  paused: z.boolean(),
  created_at: z.string(),
  finished_at: z.string().nullable(),
  user_id: z.string().nullable(),
  project_id: z.string().nullable(),
  original_code_url: z.string().nullable(),
  original_requirements_url: z.string().nullable(),
  original_data_url: z.string().nullable(),
  ...result,
  aggregate,
  /** What the aggregation tells about its result. */
  result_details: z.record(z.string(), z.unknown()).nullable(),
  total_subtasks: z.int(),
  completed_subtasks: z.int(),
  running_subtasks: z.int(),
  pending_subtasks: z.int(),
  failed_subtasks: z.int(),
  cancelled_subtasks: z.int(),
  tasks_per_minute: z.number().nullable(),
  eta_seconds: z.number().nullable(),
  progress: jobRun.nullable(),
  /** The newest twenty, newest first. */
  failures: z.array(taskFailure),
  error_code: z.string().nullable(),
  error_message: z.string().nullable(),
});

export const listJobsParams = z.object({ user_id: z.string() });
export const listJobsReply = z.array(
  z.object({
    id: jobId,
    title: z.string(),
    status,
    created_at: z.string(),
    original_code_url: z.string().nullable(),
    original_data_url: z.string().nullable(),
    ...result,
  }),
);

export const downloadJobQuery = z.object({ user_id: z.string().optional() });
export const downloadJobReply = z.object({ job_id: jobId, title: z.string(), status, ...result });

export const controlJobReply = z.object({
  job_id: jobId,
  status,
  message: z.string(),
  /** How many tasks are handed out again. */
  tasks: z.int(),
});
