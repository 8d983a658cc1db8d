import { z } from "zod";

/** The JSON of Cloud Run's v2 resources, as far as the stand-in reads it; other fields are kept and returned. */
const MAX_TASKS = 10_000;
const MAX_RETRIES = 10;
const DEFAULT_RETRIES = 3;
const DEFAULT_TIMEOUT = "600s";

/** proto3's JSON duration: seconds with up to nine decimals. */
const duration = z.string().regex(/^\d+(\.\d{1,9})?s$/, "must be a duration such as 600s");

/** What a process can be given as an argument or in its environment. */
const text = z.string().regex(/^[^\0]*$/, "must not contain NUL");

const envVar = z.looseObject({
  name: text.min(1),
  value: text.optional(),
  valueSource: z.unknown().optional(),
});

const container = z.looseObject({
  name: z.string().optional(),
  image: z.string().min(1),
  command: z.array(text).default([]),
  args: z.array(text).default([]),
  env: z.array(envVar).default([]),
});

const taskTemplate = z.looseObject({
  containers: z.array(container).min(1),
  maxRetries: z.int().min(0).max(MAX_RETRIES).default(DEFAULT_RETRIES),
  timeout: duration.default(DEFAULT_TIMEOUT),
});

const labels = z.record(z.string(), z.string()).default({});

const executionTemplate = z.looseObject({
  labels,
  annotations: labels,
  parallelism: z.int().min(0).default(0),
  taskCount: z.int().min(1).max(MAX_TASKS).default(1),
  template: taskTemplate,
});

/** A Job as create and update requests carry it. */
export const jobSpecSchema = z.looseObject({ labels, annotations: labels, template: executionTemplate });

const containerOverride = z.object({
  name: z.string().default(""),
  args: z.array(text).default([]),
  env: z.array(envVar).default([]),
  clearArgs: z.boolean().default(false),
});

/** The body of `:run`. */
export const runRequestSchema = z.object({
  validateOnly: z.boolean().default(false),
  etag: z.string().default(""),
  overrides: z
    .object({
      containerOverrides: z.array(containerOverride).default([]),
      taskCount: z.int().min(0).max(MAX_TASKS).default(0),
      timeout: duration.optional(),
    })
    .prefault({}),
});

/** The bodies of `:cancel` and `:wait`. */
export const cancelRequestSchema = z.object({ validateOnly: z.boolean().default(false), etag: z.string().default("") });
export const waitRequestSchema = z.object({ timeout: duration.default("30s") });

export type JobSpec = z.infer<typeof jobSpecSchema>;
export type ExecutionTemplate = z.infer<typeof executionTemplate>;
export type Container = z.infer<typeof container>;
export type RunRequest = z.infer<typeof runRequestSchema>;

export const durationMs = (text: string): number => Number(text.slice(0, -1)) * 1000;

/** Names to numbers of every enum that a reply carries, by field; from condition.proto and execution_reference. */
const ENUMS: Record<string, Record<string, number>> = {
  state: { CONDITION_PENDING: 1, CONDITION_RECONCILING: 2, CONDITION_FAILED: 3, CONDITION_SUCCEEDED: 4 },
  severity: { ERROR: 1, WARNING: 2, INFO: 3 },
  executionReason: { NON_ZERO_EXIT_CODE: 2, CANCELLED: 3, CANCELLING: 4, DELETED: 5, DELAYED_START_PENDING: 6 },
  completionStatus: {
    EXECUTION_SUCCEEDED: 1,
    EXECUTION_FAILED: 2,
    EXECUTION_RUNNING: 3,
    EXECUTION_PENDING: 4,
    EXECUTION_CANCELLED: 5,
  },
  launchStage: { ALPHA: 2, BETA: 3, GA: 4 },
  executionEnvironment: { EXECUTION_ENVIRONMENT_GEN1: 1, EXECUTION_ENVIRONMENT_GEN2: 2 },
};

/** Writes a reply; callers that ask with `$alt=json;enum-encoding=int` get enums as numbers. */
export function toJson(reply: unknown, enumsAsNumbers: boolean): string {
  if (!enumsAsNumbers) return JSON.stringify(reply);
  return JSON.stringify(reply, (field, value: unknown) =>
    typeof value === "string" ? (ENUMS[field]?.[value] ?? value) : value,
  );
}
