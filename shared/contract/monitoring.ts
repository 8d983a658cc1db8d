import { z } from "zod";
import { storableText } from "./storable.ts";

/** A run's number, or a query's id. */
export const taskParams = z.object({ id: storableText(64) });

const task = z
  .object({
    task_id: z.string(),
    kind: z.string().describe("The queue that it came from"),
    subject: z.string().nullable().describe("What it is about"),
    state: z.enum(["pending", "running", "completed", "failed", "cancelled"]),
    success: z.boolean().nullable().describe("Null until it is over, and when it was cancelled"),
    error: z.string().nullable(),
    error_code: z.string().nullable(),
    attempt: z.int(),
    progress: z.record(z.string(), z.unknown()).nullable(),
    created_at: z.string(),
    started_at: z.string().nullable(),
    finished_at: z.string().nullable(),
    duration_seconds: z.number().nullable().describe("Until now, while it is not over"),
  })
  .meta({ id: "Task" });

export const taskStatusReply = task;
/** By queue. */
export const activeTasksReply = z.record(z.string(), z.array(task));

/** At work, handed to a container that has not begun, and waiting. */
const queue = z.object({ active: z.int(), reserved: z.int(), scheduled: z.int() }).meta({ id: "TaskQueue" });
export const taskQueuesReply = z.record(z.string(), queue);

const worker = z.object({
  name: z.string(),
  kind: z.string(),
  run_id: z.int(),
  state: z.enum(["launching", "running"]),
  started_at: z.string().nullable(),
  last_seen_at: z.string().nullable(),
  processed: z.int().nullable().describe("How many queries; null for what works on one thing only"),
});
export const taskWorkersReply = z
  .object({
    total: z.int().describe("Runs that are not over or ended within a day"),
    active: z.int(),
    succeeded: z.int(),
    failed: z.int(),
    success_rate: z.number().nullable().describe("Null before anything is over"),
    mean_seconds: z.number().nullable(),
    workers: z.array(worker),
  })
  .meta({ id: "TaskWorkers" });
