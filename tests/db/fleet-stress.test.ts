import { randomUUID } from "node:crypto";
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import { findQueueFaults } from "./find-queue-faults.ts";
import { addAgent, addJob, type Call, jobOf, numbered, openEnrollment, sweepTasks } from "./fleet-scene.ts";
import { call } from "./scene.ts";

const CONNECTIONS = 8;
const STEPS = 400;
const RESULT_URL = "gs://bucket/r.csv";
const AGENTS = 32;
const TASKS = [900, 400, 150, 40, 7, 1];

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
  await openEnrollment(db);
  await db.sql("update corral.settings set retry_base_seconds = 1, retry_ceiling_seconds = 1");
});
afterAll(() => db.drop());

interface Held {
  agent: string;
  task: string;
  attempt: number;
}

/** What the callers know of: who was given what, and which completions were acknowledged. */
const given = new Map<string, string>();
const acknowledged = new Map<string, Held>();
const held: Held[] = [];
/** Jobs that somebody cancelled or deleted: what becomes of their tasks is no promise. */
const dropped = new Set<number>();
const jobOfTask = (task: string) => Math.floor(Number(task) / 1e7);

/** The same numbers for the same seed. */
function makeRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of several callers that do at random what callers do. */
class Caller {
  readonly #client: pg.Client;
  readonly #random: () => number;
  readonly #agents: string[];
  readonly #jobs: number[];

  constructor(client: pg.Client, seed: number, agents: string[], jobs: number[]) {
    this.#client = client;
    this.#random = makeRandom(seed);
    this.#agents = agents;
    this.#jobs = jobs;
  }

  async run(): Promise<void> {
    for (let step = 0; step < STEPS; step++) await this.#step();
  }

  async #step(): Promise<void> {
    const dice = this.#random();
    if (dice < 0.4) await this.#claim();
    else if (dice < 0.68) await this.#complete();
    else if (dice < 0.8) await this.#fail();
    else if (dice < 0.85) await this.#beat();
    else if (dice < 0.9) await this.#sql("select public.settle_job($1)", [this.#pick(this.#jobs)]);
    else if (dice < 0.93) await this.#replay();
    else if (dice < 0.95) await this.#sql("select * from corral.sweep_tasks()", []);
    else if (dice < 0.97) await this.#steer(this.#pick(["pause", "resume"]));
    else if (dice < 0.985) await this.#steer("retry_failed");
    else await this.#comeAndGo();
  }

  #pick<T>(from: T[]): T {
    const one = from[Math.floor(this.#random() * from.length)];
    if (one === undefined) throw new Error("There is nothing to pick");
    return one;
  }

  async #sql(statement: string, params: unknown[]): Promise<Row[]> {
    return (await this.#client.query<Row>(statement, params)).rows;
  }

  /** Runs a statement; answers null when it was rolled back, as one in eight is. */
  async #sqlOrRollback(statement: string, params: unknown[]): Promise<Row[] | null> {
    const isLost = this.#random() < 1 / 8;
    await this.#client.query("begin");
    const rows = await this.#sql(statement, params);
    await this.#client.query(isLost ? "rollback" : "commit");
    return isLost ? null : rows;
  }

  #take(count: number): Held[] {
    return Array.from({ length: Math.min(count, held.length) }, () =>
      held.splice(Math.floor(this.#random() * held.length), 1),
    ).flat();
  }

  async #claim(): Promise<void> {
    const calls: Call[] = Array.from({ length: 1 + Math.floor(this.#random() * 6) }, () => ({
      agent: this.#pick(this.#agents),
      request_id: randomUUID(),
    }));
    const rows = await this.#sqlOrRollback("select * from public.request_tasks($1)", [numbered(calls)]);
    for (const row of rows ?? []) {
      if (row.outcome !== "assigned") continue;
      const [task, attempt] = [String(row.task_id), Number(row.attempt)];
      const agent = String(calls[Number(row.call)]?.agent);
      expect(given.get(`${task}/${attempt}`), `${task} was given twice as attempt ${attempt}`).toBeUndefined();
      given.set(`${task}/${attempt}`, agent);
      held.push({ agent, task, attempt });
    }
  }

  async #complete(): Promise<void> {
    const mine = this.#take(1 + Math.floor(this.#random() * 6));
    const calls = mine.map((one) => ({ ...one, result_url: RESULT_URL }));
    const rows = await this.#sqlOrRollback("select * from public.complete_tasks($1)", [numbered(calls)]);
    if (rows === null) held.push(...mine);
    for (const row of rows ?? []) {
      const one = mine[Number(row.call)];
      if (one === undefined) throw new Error("An answer to nobody");
      if (row.outcome === "completed") acknowledged.set(one.task, one);
      else expect(dropped, `${one.task}: ${row.outcome}`).toContain(jobOfTask(one.task));
      if (row.settle === true) await this.#sql("select public.settle_job($1)", [row.job_id]);
    }
  }

  async #fail(): Promise<void> {
    for (const { agent, task, attempt } of this.#take(1)) {
      const [retryable, giveBack] = [this.#random() < 0.8, this.#random() < 0.4];
      const [row] = await this.#sql(
        "select * from public.fail_task($1, $2, 'No', p_attempt => $3, p_retryable => $4, p_give_back => $5)",
        [agent, task, attempt, retryable, giveBack],
      );
      if (!dropped.has(jobOfTask(task))) expect(["retrying", "failed", "returned"]).toContain(row?.outcome);
    }
  }

  /** Says again what was acknowledged, in any order, and what never was: another result, another attempt. */
  async #replay(): Promise<void> {
    const known = [...acknowledged.values()].filter(({ task }) => !dropped.has(jobOfTask(task)));
    if (known.length === 0) return;
    const again = Array.from({ length: 8 }, () => this.#pick(known));
    const calls = again.map((one) => ({ ...one, result_url: RESULT_URL }));
    const rows = await this.#sql("select * from public.complete_tasks($1)", [numbered(calls)]);
    for (const { call: index, outcome } of rows) {
      if (!dropped.has(jobOfTask(again[Number(index)]?.task ?? ""))) expect(outcome).toBe("completed");
    }
    const stale = again.flatMap((one) => [
      { ...one, result_url: "gs://bucket/again.csv" },
      { ...one, result_url: RESULT_URL, attempt: one.attempt + 1 },
    ]);
    for (const { outcome } of await this.#sql("select * from public.complete_tasks($1)", [numbered(stale)]))
      expect(outcome).not.toBe("completed");
  }

  async #beat(): Promise<void> {
    const calls = Array.from({ length: 12 }, () => ({
      agent: this.#pick(this.#agents),
      status: this.#pick(["IDLE", "WORKING"]),
      tasks: held.slice(0, 3).map(({ task, attempt }) => ({ task, attempt })),
    }));
    const rows = await this.#sql("select * from public.record_heartbeats($1)", [numbered(calls)]);
    expect(new Set(rows.map(({ outcome }) => outcome))).toEqual(new Set(["seen"]));
  }

  async #steer(action: string): Promise<void> {
    await this.#sql("select * from public.control_job($1, $2, null, true)", [this.#pick(this.#jobs), action]);
  }

  /** A job that comes, and goes again in one way or the other. */
  async #comeAndGo(): Promise<void> {
    const { id, owner } = await addJob(db, 5);
    await this.#claim();
    dropped.add(id);
    if (this.#random() < 0.5) await this.#sql("delete from auth.users where id = $1", [owner]);
    else await this.#sql("select * from public.control_job($1, 'cancel', null, true)", [id]);
  }
}

test("eight callers that do everything at random lose nothing, do nothing twice, and never wait in a circle", async () => {
  const jobs: number[] = [];
  for (const [index, tasks] of TASKS.entries()) jobs.push((await addJob(db, tasks, { priority: index % 2 })).id);
  const agents = await Promise.all(Array.from({ length: AGENTS }, () => addAgent(db)));
  const callers = await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, index) => new Caller(await db.connect(), 42 + index, agents, jobs)),
  );
  await Promise.all(callers.map((caller) => caller.run()));

  // Nothing may become due between the sweep and the look.
  await db.sql("update corral.returns set due_at = corral.now()");
  await sweepTasks(db);
  expect(await findQueueFaults(db)).toEqual([]);
  await finish(jobs, agents[0] ?? "");
  expect(await findQueueFaults(db)).toEqual([]);
  const tasks = await db.sql<{ id: string; state: string; agent_id: string; attempt: number; result_url: string }>(
    "select id, state, agent_id, attempt, result_url from corral.tasks where corral.job_of(id) = any ($1)",
    [jobs],
  );
  expect(tasks).toHaveLength(TASKS.reduce((sum, count) => sum + count, 0));
  for (const { id, state, agent_id, attempt, result_url } of tasks) {
    expect(state, id).toBe("COMPLETED");
    const promised = acknowledged.get(id);
    if (promised === undefined) continue;
    expect({ agent: agent_id, task: id, attempt, result_url }).toEqual({ ...promised, result_url: RESULT_URL });
  }
  expect(acknowledged.size).toBeGreaterThan(500);
  for (const [index, job] of jobs.entries())
    expect(await jobOf(db, job)).toMatchObject({ status: "COMPLETED", completed_subtasks: TASKS[index] });
});

/** Lets everything end well that has not ended. */
async function finish(jobs: number[], agent: string): Promise<void> {
  for (const job of jobs) await db.sql("select public.control_job($1, 'resume', null, true)", [job]);
  for (const one of held.splice(0)) {
    await db.sql("select * from public.complete_tasks($1)", [numbered([{ ...one, result_url: "gs://bucket/r.csv" }])]);
  }
  const isOver = () =>
    call<boolean>(db, "(select bool_and(status = 'COMPLETED') from corral.jobs where id = any ($1))", [jobs]);
  for (let round = 0; round < 20 && !(await isOver()); round++) {
    for (const job of jobs) await db.sql("select public.control_job($1, 'retry_failed', null, true)", [job]);
    await db.sql("update corral.returns set due_at = corral.now()");
    await sweepTasks(db);
    const calls = Array.from({ length: 200 }, () => ({ agent, request_id: randomUUID() }));
    for (;;) {
      const rows = await db.sql<{ outcome: string; task_id: string }>("select * from public.request_tasks($1)", [
        numbered(calls),
      ]);
      const tasks = rows.filter(({ outcome }) => outcome === "assigned").map(({ task_id }) => task_id);
      if (tasks.length === 0) break;
      await db.sql("select * from public.complete_tasks($1)", [
        numbered(tasks.map((task) => ({ agent, task, result_url: "gs://bucket/r.csv" }))),
      ]);
    }
    await sweepTasks(db);
  }
}
