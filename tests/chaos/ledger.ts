import { z } from "zod";
import type { Reply } from "./client.ts";

/** A task as a reply handed it to an agent. */
export interface Given {
  task: number;
  job: number;
  attempt: number;
  agent: string;
  token?: string | undefined;
  requestId: string | undefined;
  codeUrl: string;
  timeoutSeconds: number;
  /** Where the agent put its result, once it has. */
  resultUrl?: string;
}

/** A completion that was sent, and what the server said to it, if its word crossed the wire. */
export interface Completion {
  agent: string;
  task: number;
  attempt: number | undefined;
  resultUrl: string;
  sentAt: number;
  status: number | undefined;
  code: string | undefined;
}

const timedReply = z.object({ server_time: z.string(), poll_after_seconds: z.number() });
export const assignment = z.object({
  task_id: z.int(),
  job_id: z.int(),
  attempt: z.int(),
  code_url: z.string(),
  chunk_data_url: z.string(),
  lease_expires_at: z.string().nullable(),
  task_timeout_seconds: z.int(),
});
export type Assignment = z.infer<typeof assignment>;
const refusal = z.object({ code: z.string() });
/** How far two readings of one clock may be apart: replies tell milliseconds. */
const TOLERANCE_MS = 5;

/** What all clients together know, to be held against what the database says in the end. */
export class Ledger {
  readonly given: Given[] = [];
  readonly completions: Completion[] = [];
  /** By agent: when calls were sent that the server took as a sign of life. */
  readonly heard = new Map<string, number[]>();
  readonly violations: string[] = [];
  readonly counts = new Map<string, number>();
  readonly #holders = new Map<string, string>();

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  violate(what: string): void {
    this.violations.push(what);
  }

  /** Judges what is true of every reply: the server's clock is its own, and nothing is an unforeseen error. */
  judge(path: string, reply: Reply): void {
    this.count(`${path} ${reply.status}`);
    const isKilled = refusal.safeParse(reply.body).data?.code === "WORKER_ERROR";
    if (reply.status === 500 && !isKilled) this.violate(`${path} answered 500: ${JSON.stringify(reply.body)}`);
    const timed = timedReply.safeParse(reply.body);
    if (!timed.success) return;
    const time = Date.parse(timed.data.server_time);
    if (time < reply.sentAt - TOLERANCE_MS || time > reply.receivedAt + TOLERANCE_MS) {
      this.violate(`${path} says that it is ${timed.data.server_time}, which is not the server's time`);
    }
  }

  hear(agent: string, { sentAt, status }: Reply): void {
    if (status !== 200) return;
    const times = this.heard.get(agent);
    if (times === undefined) this.heard.set(agent, [sentAt]);
    else times.push(sentAt);
  }

  /** Notes a task that was handed out; an attempt is one agent's. */
  give(
    reply: Reply,
    agent: { id: string; token?: string | undefined },
    requestId: string | undefined,
  ): Given | undefined {
    const task = assignment.safeParse(reply.body);
    if (!task.success) return undefined;
    const { task_id, job_id, attempt, code_url, task_timeout_seconds } = task.data;
    const key = `${task_id}/${attempt}`;
    const holder = this.#holders.get(key);
    if (holder !== undefined && holder !== agent.id) {
      this.violate(`Attempt ${attempt} of task ${task_id} was handed to ${holder} and to ${agent.id}`);
    }
    const given: Given = {
      task: task_id,
      job: job_id,
      attempt,
      agent: agent.id,
      token: agent.token,
      requestId,
      codeUrl: code_url,
      timeoutSeconds: task_timeout_seconds,
    };
    if (holder === undefined) this.given.push(given);
    this.#holders.set(key, agent.id);
    this.count(holder === undefined ? "tasks given" : "tasks given again to their holder");
    return given;
  }

  /** Notes a completion before it is sent; the reply is added when there is one. */
  send(completion: Omit<Completion, "status" | "code" | "sentAt">): Completion {
    const sent = { ...completion, sentAt: Date.now(), status: undefined, code: undefined };
    this.completions.push(sent);
    return sent;
  }
}

/** Notes what was said to a completion. */
export function noteAnswer(sent: Completion, reply: Reply): void {
  sent.status = reply.status;
  sent.code = refusal.safeParse(reply.body).data?.code;
}
