import { answer } from "./answers.ts";
import type { Db } from "./connect-db.ts";
import type { Json } from "./database.types.ts";

/** How a run or a query is getting on. */
export async function getTaskStatus(db: Db, call: number, id: string): Promise<Json> {
  return answer(db.rpc("get_task_status", { p_call: call, p_id: id }));
}

/** What is at work, by queue. */
export async function listActiveTasks(db: Db, call: number): Promise<Json> {
  return answer(db.rpc("list_active_tasks", { p_call: call }));
}

/** How much is at work, under way and waiting, by queue. */
export async function listTaskQueues(db: Db, call: number): Promise<Json> {
  return answer(db.rpc("list_task_queues", { p_call: call }));
}

/** The containers, and how their runs ended. */
export async function listTaskWorkers(db: Db, call: number): Promise<Json> {
  return answer(db.rpc("list_task_workers", { p_call: call }));
}
