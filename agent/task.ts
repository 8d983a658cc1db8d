import type { Assignment } from "../shared/contract/agent.ts";

/** A task that this agent holds, in one of its attempts. */
export interface Task {
  id: number;
  job: number;
  attempt: number;
  timeoutSeconds: number;
  codeUrl: string | null;
  requirementsUrl: string | null;
  chunkUrl: string | null;
}

/** The task of a reply; null when there is no work. */
export function toTask(reply: Assignment): Task | null {
  const { task_id, job_id, attempt, task_timeout_seconds } = reply;
  if (task_id === null || job_id === null || attempt === null || task_timeout_seconds === null) return null;
  return {
    id: task_id,
    job: job_id,
    attempt,
    timeoutSeconds: task_timeout_seconds,
    codeUrl: reply.code_url,
    requirementsUrl: reply.requirements_url,
    chunkUrl: reply.chunk_data_url,
  };
}
