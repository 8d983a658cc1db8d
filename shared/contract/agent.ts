import { z } from "zod";
import { digits } from "./digits.ts";
import { fileUrlOrEmpty } from "./file-url.ts";
import { storableText as name } from "./storable.ts";

const text = (max: number) => name(max, 0);
/** Chosen by the agent; a UUID as a rule. */
const agentId = name(128);
const taskId = z.int();
const MAX_ATTEMPT = 2_147_483_647;
/** Which time the task was handed out, from 1; without it a call means the time that the agent was handed it last. */
const attempt = z.int().min(1).max(MAX_ATTEMPT).nullish();
const requestId = name(128).nullish();
const status = z.enum(["IDLE", "BUSY", "WORKING", "OFFLINE"]);
const resultUrl = fileUrlOrEmpty.nullish();
const rows = z.int().min(0).nullish();
const MAX_TASKS = 256;
/** The tasks that the agent is at. */
const tasks = z
  .array(z.object({ task_id: taskId, attempt }))
  .max(MAX_TASKS)
  .nullish();

/** In every reply: the server's clock, and when to come back, in seconds. */
const timing = { server_time: z.string(), poll_after_seconds: z.number() };

export const registerRequest = z.object({
  id: agentId,
  email: text(320),
  gpu_model: text(256).nullish(),
  ram_total: z.union([text(64), z.number()]).nullish(),
  tags: z.array(name(64)).max(16).nullish(),
  heartbeat_interval_seconds: z.int().min(1).max(3600).nullish(),
});

export const registerReply = z.object({
  message: z.string(),
  status: z.enum(["created", "linked"]),
  /** Only when one was issued, and only this once. */
  agent_token: z.string().optional(),
  ...timing,
});

export const heartbeatRequest = z.object({ id: agentId, status, tasks });

/** Of the tasks that the agent named, those that are no longer its own. */
const stop = z.array(taskId);
export const heartbeatReply = z.object({ message: z.string(), stop, ...timing });

export const requestTaskRequest = z.object({ agent_id: agentId, request_id: requestId });

/** A task, or nothing but nulls. */
const assignment = {
  task_id: taskId.nullable(),
  job_id: z.int().nullable(),
  code_url: z.string().nullable(),
  requirements_url: z.string().nullable(),
  chunk_data_url: z.string().nullable(),
  attempt: z.int().nullable(),
  /** When the task goes to somebody else, unless heartbeats say until then that the agent is alive. */
  lease_expires_at: z.string().nullable(),
  task_timeout_seconds: z.int().nullable(),
};
export const requestTaskReply = z.object({ ...assignment, ...timing });
export type Assignment = Omit<z.infer<typeof requestTaskReply>, keyof typeof timing>;

export const completeTaskRequest = z.object({
  agent_id: agentId,
  task_id: taskId,
  result_url: resultUrl,
  attempt,
  /** How many rows the result stands for, as a weight. */
  rows,
});
export const messageReply = z.object({ message: z.string(), ...timing });

export const failTaskRequest = z.object({
  agent_id: agentId,
  task_id: taskId,
  attempt,
  reason: text(4096).default(""),
  retryable: z.boolean().default(true),
  /** Not a failure: the task is handed out again at once. */
  give_back: z.boolean().default(false),
});
export const failTaskReply = z.object({
  message: z.string(),
  outcome: z.enum(["retrying", "failed", "returned"]),
  ...timing,
});

export const progressRequest = z.object({
  agent_id: agentId,
  task_id: taskId,
  attempt,
  progress: z.number().min(0).max(1).nullish(),
  /** The end of the task's log. */
  message: text(4096).nullish(),
});
export const progressReply = z.object({ message: z.string(), outcome: z.enum(["continue", "stop"]), ...timing });

export const uploadUrlRequest = z.object({
  agent_id: agentId,
  task_id: taskId,
  attempt,
  filename: name(255).default("result"),
  content_type: text(256).nullish(),
});
export const uploadUrlReply = z.object({
  url: z.url(),
  method: z.literal("PUT"),
  /** To be sent with the upload, and no others of their kind. */
  headers: z.record(z.string(), z.string()),
  /** What to complete the task with. */
  result_url: z.string(),
  expires_at: z.string(),
  ...timing,
});

export const uploadResultRequest = z.object({
  agent_id: agentId,
  task_id: digits(0, Number.MAX_SAFE_INTEGER),
  attempt: digits(1, MAX_ATTEMPT).optional(),
  file: z.instanceof(File).meta({ type: "string", format: "binary" }),
});
export const uploadResultReply = z.object({ url: z.url(), ...timing });

export const cycleRequest = z.object({
  agent_id: agentId,
  status: status.default("IDLE"),
  tasks,
  complete: completeTaskRequest.omit({ agent_id: true }).nullish(),
  /** Whether to ask for a task. */
  claim: z.boolean().default(true),
  request_id: requestId,
});
export const cycleReply = z.object({
  message: z.string(),
  stop,
  /** What came of the completion: a refusal's code and words, as `/agent/complete_task` would tell them. */
  completion: z.object({ task_id: taskId, code: z.string(), message: z.string() }).nullable(),
  ...assignment,
  ...timing,
});

export const deregisterRequest = z.object({ agent_id: agentId });
export const deregisterReply = z.object({ message: z.string(), tasks_returned: z.int(), ...timing });
