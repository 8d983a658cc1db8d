import type { NamedTask } from "../../shared/db/agents.ts";

interface WireTask {
  task_id: number;
  attempt?: number | null | undefined;
}

/** A task as SQL wants it named. */
export const toNamedTask = ({ task_id, attempt = null }: WireTask): NamedTask => ({ task: task_id, attempt });

export const toNamedTasks = (tasks: WireTask[] | null | undefined): NamedTask[] | null =>
  tasks?.map(toNamedTask) ?? null;
