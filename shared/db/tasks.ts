import { type AgentStatus, type NamedTask, type Speaker, type Timing, toStopped, toTiming } from "./agents.ts";
import { answer, onlyRow } from "./answers.ts";
import type { Db } from "./connect-db.ts";
import type { Database } from "./database.types.ts";
import type { NullableRow } from "./nullable-row.ts";
import { outcomesInOrder } from "./outcomes-in-order.ts";

type Enums = Database["corral"]["Enums"];

/** Asked again with the same request id, or without one while a task is held, it is answered the same again. */
export type TaskCall = Speaker & { request_id: string | null };

/** A task in an agent's hands; the bucket's own objects are named as gs:// URLs. */
export interface AssignedTask {
  taskId: number;
  jobId: number;
  attempt: number;
  leaseExpiresAt: string | null;
  timeoutSeconds: number;
  chunk: string;
  codeUrl: string | null;
  requirementsUrl: string | null;
}

/** `task` is null unless the outcome is `assigned`. */
export type RequestedTask = { outcome: Enums["assignment_outcome"]; task: AssignedTask | null } & Timing;

/** Gives each agent that asks its next task; one outcome per call, in order. */
export async function requestTasks(db: Db, calls: TaskCall[]): Promise<RequestedTask[]> {
  const rows = await outcomesInOrder(calls, (p_calls) => db.rpc("request_tasks", { p_calls }));
  return rows.map((row) => ({ outcome: row.outcome, task: toTask(row), ...toTiming(row) }));
}

type TaskColumns = Omit<NullableRow<"request_tasks", "outcome">, "call" | "poll_after_seconds" | "server_time">;

function toTask(row: TaskColumns): AssignedTask | null {
  const { task_id, job_id, attempt, task_timeout_seconds, chunk } = row;
  if (row.outcome !== "assigned") return null;
  if (task_id === null || job_id === null || attempt === null || task_timeout_seconds === null || chunk === null) {
    throw new Error("Postgres: a task was assigned without saying which");
  }
  return {
    taskId: task_id,
    jobId: job_id,
    attempt,
    leaseExpiresAt: row.lease_expires_at,
    timeoutSeconds: task_timeout_seconds,
    chunk,
    codeUrl: row.code_url,
    requirementsUrl: row.requirements_url,
  };
}

/** A task's result as it is kept: its URL, or that this lies where none of the task's go, which is refused. */
export type NamedResult = { result_url: string | null; is_misplaced: boolean };
export type Completion = NamedTask & NamedResult & { rows: number | null };
export type CompletionCall = Speaker & Completion;
/** `settle`: the job may be over, and `settleJob` should be called with it. */
export type CompletedTask = { outcome: Enums["completion_outcome"]; jobId: number | null; settle: boolean } & Timing;

/** Ends tasks, each once; one outcome per call, in order. */
export async function completeTasks(db: Db, calls: CompletionCall[]): Promise<CompletedTask[]> {
  const rows = await outcomesInOrder(calls, (p_calls) => db.rpc("complete_tasks", { p_calls }));
  return rows.map(
    (row: NullableRow<"complete_tasks", "outcome" | "settle" | "poll_after_seconds" | "server_time">) => ({
      outcome: row.outcome,
      jobId: row.job_id,
      settle: row.settle,
      ...toTiming(row),
    }),
  );
}

/** What would be a completion, a heartbeat and a request for a task, each left out as wished. */
export type CycleCall = TaskCall & {
  status: AgentStatus;
  tasks: NamedTask[] | null;
  complete: Completion | null;
  claim: boolean;
};
export type Cycle = RequestedTask & {
  stop: number[];
  completion: Omit<CompletedTask, keyof Timing> | null;
};

/** Completes, beats and claims for agents in one statement; one outcome per call, in order. */
export async function cycleAgents(db: Db, calls: CycleCall[]): Promise<Cycle[]> {
  const rows = await outcomesInOrder(calls, (p_calls) => db.rpc("cycle_agents", { p_calls }));
  return rows.map((row: NullableRow<"cycle_agents", "outcome" | "settle" | "poll_after_seconds" | "server_time">) => ({
    outcome: row.outcome,
    task: toTask(row),
    stop: toStopped(row.stop),
    completion: row.completion && { outcome: row.completion, jobId: row.completed_job_id, settle: row.settle },
    ...toTiming(row),
  }));
}

export interface TaskFailure extends NamedTask {
  reason: string;
  retryable: boolean;
  /** Then it is no failure, and the task is due again at once. */
  giveBack: boolean;
}
export type FailedTask = { outcome: Enums["task_failure_outcome"]; jobId: number | null; settle: boolean } & Timing;

/** Ends an attempt that failed, or gives it back. */
export async function failTask(db: Db, { agent, token }: Speaker, failure: TaskFailure): Promise<FailedTask> {
  const row = await onlyRow(
    db.rpc("fail_task", {
      p_agent: agent,
      p_token: token ?? undefined,
      p_task: failure.task,
      p_attempt: failure.attempt ?? undefined,
      p_reason: failure.reason,
      p_retryable: failure.retryable,
      p_give_back: failure.giveBack,
    }),
  );
  return { outcome: row.outcome, jobId: row.job_id, settle: row.settle, ...toTiming(row) };
}

export interface TaskProgress extends NamedTask {
  /** From 0 to 1. */
  progress: number | null;
  /** The end of its log. */
  message: string | null;
}

/** Notes how far a task is; stop when it is no longer the agent's. */
export async function reportTaskProgress(
  db: Db,
  { agent, token }: Speaker,
  { task, attempt, progress, message }: TaskProgress,
): Promise<{ outcome: Enums["task_progress_outcome"] } & Timing> {
  const row = await onlyRow(
    db.rpc("report_task_progress", {
      p_agent: agent,
      p_token: token ?? undefined,
      p_task: task,
      p_attempt: attempt ?? undefined,
      p_progress: progress ?? undefined,
      p_message: message ?? undefined,
    }),
  );
  return { outcome: row.outcome, ...toTiming(row) };
}

export type UploadPermit =
  | { outcome: "allowed"; jobId: number; attempt: number }
  | { outcome: Exclude<Enums["upload_outcome"], "allowed"> };

/** Whether an agent may write the results of a task: while it holds it. */
export async function authorizeUpload(
  db: Db,
  { agent, token }: Speaker,
  { task, attempt }: NamedTask,
): Promise<UploadPermit> {
  const row = await onlyRow(
    db.rpc("authorize_upload", {
      p_agent: agent,
      p_token: token ?? undefined,
      p_task: task,
      p_attempt: attempt ?? undefined,
    }),
  );
  if (row.outcome !== "allowed") return { outcome: row.outcome };
  return { outcome: row.outcome, jobId: row.job_id, attempt: row.attempt };
}

/** Closes a job whose tasks have all ended, or starts its aggregation; harmless at any time. */
export async function settleJob(db: Db, job: number): Promise<boolean> {
  return answer(db.rpc("settle_job", { p_job: job }));
}
