import { z } from "zod";
import type { Client, Reply } from "./client.ts";
import type { Ledger } from "./ledger.ts";
import type { Random } from "./random.ts";
import { pause } from "./work.ts";

export type JobKind = "plain" | "joined" | "flaky" | "cancelled" | "paused";
export interface OwnedJob {
  key: string;
  kind: JobKind;
  owner: Owner;
  chunks: number;
  rows: number;
  id: number | undefined;
  status: string;
}
export interface Owner {
  id: string;
  token: string;
  /** The objects of the bucket that hold his data, by their rows. */
  data: Map<number, string>;
}

const created = z.object({ job_id: z.int() });
const seen = z.object({
  status: z.string(),
  paused: z.boolean(),
  completed_subtasks: z.int(),
  total_subtasks: z.int(),
});
const OVER = new Set(["COMPLETED", "CANCELLED"]);
const KINDS: JobKind[] = ["plain", "plain", "joined", "flaky", "cancelled", "paused"];

/** The people who have work to be done: they make jobs, pause and cancel some, and have what failed done again. */
export class Owners {
  readonly jobs: OwnedJob[] = [];
  readonly #client: Client;
  readonly #ledger: Ledger;
  readonly #random: Random;
  readonly #owners: Owner[];
  readonly #swarm: string;
  readonly #chunks: [number, number];

  constructor(options: {
    client: Client;
    ledger: Ledger;
    random: Random;
    owners: Owner[];
    swarm: string;
    chunks: [number, number];
  }) {
    this.#client = options.client;
    this.#ledger = options.ledger;
    this.#random = options.random;
    this.#owners = options.owners;
    this.#swarm = options.swarm;
    this.#chunks = options.chunks;
  }

  get unfinished(): OwnedJob[] {
    return this.jobs.filter(({ status }) => !OVER.has(status));
  }

  /** Makes jobs for as long as the signal lasts, so that there is always some work and never too much of it. */
  async feed(signal: AbortSignal, atOnce: number): Promise<void> {
    const following: Promise<void>[] = [];
    while (!signal.aborted) {
      while (this.unfinished.length < atOnce) following.push(this.#own(this.#plan()));
      await pause(200, signal);
    }
    await Promise.all(following);
  }

  #plan(): OwnedJob {
    const owner = this.#random.pick(this.#owners);
    const rows = owner && this.#random.pick([...owner.data.keys()]);
    if (owner === undefined || rows === undefined) throw new Error("nobody owns any data");
    const kind = KINDS[this.jobs.length % KINDS.length] ?? "plain";
    const chunks = Math.min(this.#random.between(...this.#chunks), rows);
    const job: OwnedJob = { key: `job ${this.jobs.length}`, kind, owner, chunks, rows, id: undefined, status: "NEW" };
    this.jobs.push(job);
    return job;
  }

  /** Makes a job and stays with it until it is over. */
  async #own(job: OwnedJob): Promise<void> {
    const { kind, owner } = job;
    const script = kind === "joined" || kind === "flaky" ? kind : "plain";
    const body = {
      title: job.key,
      data_url: owner.data.get(job.rows),
      code_url: `https://code.example.org/${script}.py`,
      chunks: job.chunks,
      task_timeout_seconds: 10,
      max_attempts: 100,
      priority: this.#random.between(0, 2),
      aggregate: kind === "joined" ? "concat" : "none",
      idempotency_key: job.key,
      ...(this.#random.chance(0.3) ? { swarm: this.#swarm } : {}),
    };
    const reply = await this.#insist(owner, "/jobs", body, [200, 201]);
    job.id = created.parse(reply.body).job_id;
    this.#ledger.count(`jobs made: ${kind}`);
    let whim = kind === "cancelled" || kind === "paused" ? this.#random.between(1, job.chunks - 1) : undefined;
    for (;;) {
      const { body: read } = await this.#insist(owner, `/jobs/${job.id}`, undefined, [200]);
      const now = seen.parse(read);
      job.status = now.status;
      if (OVER.has(now.status)) return;
      if (now.status === "FAILED") {
        await this.#insist(owner, `/jobs/${job.id}/retry_failed`, {}, [200]);
        this.#ledger.count("jobs whose failed tasks were handed out again");
      } else if (whim !== undefined && now.completed_subtasks >= whim) {
        whim = undefined;
        await this.#followWhim(job);
      }
      await pause(this.#random.between(200, 600));
    }
  }

  async #followWhim({ id, kind, owner }: OwnedJob): Promise<void> {
    if (kind === "cancelled") {
      await this.#insist(owner, `/jobs/${id}/cancel`, {}, [200, 409]);
    } else {
      await this.#insist(owner, `/jobs/${id}/pause`, {}, [200, 409]);
      await pause(this.#random.between(200, 2000));
      await this.#insist(owner, `/jobs/${id}/resume`, {}, [200, 409]);
    }
  }

  /** Asks until there is an answer; one that is not expected is a violation. */
  async #insist(owner: Owner, path: string, body: unknown, expected: number[]): Promise<Reply> {
    const what = path.replace(/\d+/, "{id}");
    for (;;) {
      const reply = await this.#client.call({
        path,
        method: body === undefined ? "GET" : "POST",
        token: owner.token,
        ...(body === undefined ? {} : { body }),
        witness: (crossed) => this.#ledger.judge(what, crossed),
      });
      if (reply !== undefined && expected.includes(reply.status)) return reply;
      if (reply !== undefined && reply.status < 500) {
        throw new Error(`${what} answered ${reply.status}: ${JSON.stringify(reply.body)}`);
      }
      await pause(this.#random.between(100, 400));
    }
  }
}
