import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { cycleReply, failTaskReply, messageReply, requestTaskReply } from "../shared/contract/agent.ts";
import type { CallLimits } from "./api-client.ts";
import type { TaskEnd } from "./run-task.ts";
import type { Session } from "./session.ts";
import type { Task } from "./task.ts";

type Completed = Extract<TaskEnd, { kind: "completed" }>;
type Failed = Extract<TaskEnd, { kind: "failed" }>;
export type CycleReply = z.infer<typeof cycleReply>;

export interface TaskDeskLimits {
  /** For what need not be said any more once the agent is told to stop. */
  asking: CallLimits;
  /** For what the server should hear even then. */
  settling: CallLimits;
}

/** What an agent and the server tell each other about tasks. */
export class TaskDesk {
  readonly #session: Session;
  readonly #limits: TaskDeskLimits;
  #hasClaimed = false;

  constructor(session: Session, limits: TaskDeskLimits) {
    this.#session = session;
    this.#limits = limits;
  }

  /**
   * Asks for a task. A claim has an id, so that one whose reply is lost gives the same task again; the first has none
   * and so brings back what an earlier process of this agent held when it died.
   */
  async claim(): Promise<z.infer<typeof requestTaskReply>> {
    const request = this.#hasClaimed ? { request_id: randomUUID() } : {};
    const body = (id: string) => ({ agent_id: id, ...request });
    const call = { path: "/agent/request_task", body, reply: requestTaskReply };
    const reply = await this.#session.call(call, this.#limits.asking);
    this.#hasClaimed = true;
    return reply;
  }

  async complete(task: Task, end: Completed): Promise<void> {
    const body = (id: string) => ({ agent_id: id, ...toCompletion(task, end) });
    await this.#session.call({ path: "/agent/complete_task", body, reply: messageReply }, this.#limits.settling);
  }

  /** Completes a task and asks for the next one in the same round trip; `others` are held beside it. */
  async completeAndClaim(task: Task, end: Completed, others: Task[]): Promise<CycleReply> {
    const request_id = randomUUID();
    const body = (id: string) => ({
      agent_id: id,
      status: "BUSY",
      tasks: others.map((other) => ({ task_id: other.id, attempt: other.attempt })),
      complete: toCompletion(task, end),
      claim: true,
      request_id,
    });
    return await this.#session.call({ path: "/agent/cycle", body, reply: cycleReply }, this.#limits.settling);
  }

  /** Resolves to what becomes of the task: another try, or none. */
  async fail(task: Task, { reason, retryable }: Failed): Promise<"retrying" | "failed" | "returned"> {
    const body = (id: string) => ({ agent_id: id, task_id: task.id, attempt: task.attempt, reason, retryable });
    const call = { path: "/agent/fail_task", body, reply: failTaskReply };
    return (await this.#session.call(call, this.#limits.settling)).outcome;
  }

  /** Hands a task back as if it had never been taken. */
  async giveBack({ id: task_id, attempt }: Pick<Task, "id" | "attempt">): Promise<void> {
    const reason = "The agent was stopped.";
    const body = (id: string) => ({ agent_id: id, task_id, attempt, reason, give_back: true });
    await this.#session.call({ path: "/agent/fail_task", body, reply: failTaskReply }, this.#limits.settling);
  }
}

function toCompletion({ id, attempt }: Task, { resultUrl, rows }: Completed) {
  return { task_id: id, attempt, result_url: resultUrl, rows };
}
