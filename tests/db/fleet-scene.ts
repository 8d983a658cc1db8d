import { createHash, randomUUID } from "node:crypto";
import type { Row, TestDatabase } from "../setup/database.ts";
import { addUser, call, firstOf, runOf } from "./scene.ts";

/** What a call of an agent carries beside the agent. */
export type Call = Record<string, unknown>;

/** Lets agents do without tokens, as the local cloud does. */
export async function openEnrollment(db: TestDatabase): Promise<void> {
  await db.sql("update corral.settings set open_enrollment = true");
}

/** Adds an agent of a new owner in the swarm `default`, unless told otherwise; resolves to its id. */
export async function addAgent(
  db: TestDatabase,
  wishes: { email?: string; ram?: number; gpu?: string; tags?: string[]; interval?: number; token?: string } = {},
): Promise<string> {
  const agent = `agent-${randomUUID()}`;
  const email = wishes.email ?? `${randomUUID()}@example.com`;
  if (wishes.email === undefined) await addUser(db, email);
  const { outcome } = firstOf(
    await db.sql(
      `select * from public.register_agent($1, $2, p_gpu_model => $3, p_ram_gb => $4, p_tags => $5,
         p_heartbeat_interval_seconds => $6, p_token => $7, p_new_token => $8)`,
      [
        agent,
        email,
        wishes.gpu,
        wishes.ram,
        wishes.tags,
        wishes.interval,
        wishes.token && hashOf(wishes.token),
        hashOf(agent),
      ],
    ),
  );
  if (outcome !== "created") throw new Error(`The agent was not created: ${outcome}`);
  return agent;
}

/** As a function hashes what a caller shows. */
export const hashOf = (token: string) => createHash("sha256").update(token).digest("hex");

/** Adds a job with so many tasks to claim, of a new owner unless told otherwise. */
export async function addJob(
  db: TestDatabase,
  tasks: number,
  spec: Call = {},
): Promise<{ id: number; owner: string | null }> {
  const { id, owner } = await createJob(db, spec);
  await splitJob(db, id, tasks);
  return { id, owner };
}

/** Adds a job that still has to be split. */
export async function createJob(db: TestDatabase, spec: Call = {}): Promise<{ id: number; owner: string | null }> {
  const owner = spec.user_id === undefined ? await addUser(db) : (spec.user_id as string | null);
  const full = { title: "Rain", data_url: "https://example.com/rain.csv", code_url: "https://example.com/train.py" };
  const { outcome, job_id } = firstOf(
    await db.sql<{ outcome: string; job_id: string }>("select * from public.create_job($1, null, true)", [
      JSON.stringify({ ...full, ...spec, user_id: owner }),
    ]),
  );
  if (outcome !== "created") throw new Error(`The job was not created: ${outcome}`);
  return { id: Number(job_id), owner };
}

/** Does to a job what the split does. */
export async function splitJob(db: TestDatabase, job: number, tasks: number): Promise<void> {
  const { run, attempt } = await startRunOf(db, job);
  for (let first = 1; first <= tasks; first += 1000) {
    await db.sql(
      `select public.add_tasks($1, $2, jsonb_agg(jsonb_build_object('number', n, 'rows', 10,
         'chunk', format('gs://bucket/jobs/%s/chunks/%s.csv', $3::bigint, n)))) from generate_series($4::int, $5::int) n`,
      [run, attempt, job, first, Math.min(first + 999, tasks)],
    );
  }
  await db.sql("select public.publish_tasks($1, $2, $3, $4)", [run, attempt, tasks, tasks * 10]);
}

/** Starts the newest run about a job, as its container does. */
export async function startRunOf(db: TestDatabase, job: number): Promise<{ run: string; attempt: number }> {
  const { id: run } = await runOf(db, String(job));
  const { attempt } = firstOf(await db.sql<{ attempt: number }>("select * from public.claim_run($1)", [run]));
  await db.sql("select * from public.start_run($1, $2, 'execution')", [run, attempt]);
  return { run, attempt };
}

export interface Assignment extends Row {
  call: number;
  outcome: string;
  task_id: string | null;
  job_id: string | null;
  attempt: number | null;
  lease_expires_at: Date | null;
  chunk: string | null;
}

/** What several agents get that ask in one statement. */
export async function requestTasks(db: TestDatabase, calls: Call[]): Promise<Assignment[]> {
  return db.sql<Assignment>("select * from public.request_tasks($1) order by call", [numbered(calls)]);
}

/** What an agent gets that asks for work. */
export async function requestTask(db: TestDatabase, agent: string, call: Call = {}): Promise<Assignment> {
  return firstOf(await requestTasks(db, [{ agent, ...call }]));
}

/** The outcome of a completion. */
export async function completeTask(db: TestDatabase, agent: string, task: unknown, call: Call = {}): Promise<Row> {
  return firstOf(
    await db.sql("select * from public.complete_tasks($1)", [
      numbered([{ agent, task, result_url: "gs://bucket/result.csv", ...call }]),
    ]),
  );
}

/** The outcome of a failure, or of giving a task back. */
export async function failTask(
  db: TestDatabase,
  agent: string,
  task: unknown,
  call: { token?: string; attempt?: number; reason?: string; retryable?: boolean; giveBack?: boolean } = {},
): Promise<Row> {
  return firstOf(
    await db.sql(
      `select * from public.fail_task($1, $2, $3, p_token => $4, p_attempt => $5, p_retryable => $6, p_give_back => $7)`,
      [
        agent,
        task,
        call.reason ?? "It broke",
        call.token,
        call.attempt,
        call.retryable ?? true,
        call.giveBack ?? false,
      ],
    ),
  );
}

/** What several agents are told that complete, beat and ask in one statement. */
export async function cycleAgents(db: TestDatabase, calls: Call[]): Promise<Row[]> {
  return db.sql("select * from public.cycle_agents($1) order by call", [numbered(calls)]);
}

/** Claims a task of a new agent; resolves to both. */
export async function claimTask(db: TestDatabase, agentWishes: Parameters<typeof addAgent>[1] = {}) {
  const agent = await addAgent(db, agentWishes);
  const { task_id: task } = await requestTask(db, agent);
  if (task === null) throw new Error("There was no task");
  return { agent, task };
}

/** Claims and completes so many tasks. */
export async function completeTasks(db: TestDatabase, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const { agent, task } = await claimTask(db);
    await completeTask(db, agent, task);
  }
}

export async function settleJob(db: TestDatabase, job: number): Promise<boolean> {
  return call<boolean>(db, "public.settle_job($1)", [job]);
}

export async function controlJob(db: TestDatabase, job: number, action: string, user?: string | null): Promise<Row> {
  return firstOf(
    await db.sql("select * from public.control_job($1, $2, $3, $4)", [job, action, user ?? null, user === undefined]),
  );
}

/** What claims know of a job. */
export async function queueOf(db: TestDatabase, job: number): Promise<Row> {
  return firstOf(await db.sql("select * from corral.queue where job_id = $1", [job]));
}

/** Makes as if an agent had been seen so many seconds ago. */
export async function silenceAgent(db: TestDatabase, agent: string, seconds: number): Promise<void> {
  await db.sql("update corral.agents set last_seen_at = corral.now() - make_interval(secs => $2) where id = $1", [
    agent,
    seconds,
  ]);
}

export async function issueSwarmToken(db: TestDatabase, swarm: string): Promise<string> {
  return call<string>(db, "corral.issue_swarm_token($1)", [swarm]);
}

export async function sweepTasks(db: TestDatabase): Promise<Row> {
  return firstOf(await db.sql("select * from corral.sweep_tasks()"));
}

export const taskId = (job: number, number: number) => String(job * 1e7 + number);

/** Leaves nothing to claim but what comes from now on. */
export async function cancelAllJobs(db: TestDatabase): Promise<void> {
  await db.sql(
    "select public.control_job(id, 'cancel', null, true) from corral.jobs where finished_at is null order by id",
  );
}

/** The reply to a heartbeat. */
export async function beat(db: TestDatabase, agent: string, call: Call = {}): Promise<Row> {
  return firstOf(
    await db.sql("select * from public.record_heartbeats($1)", [numbered([{ agent, status: "IDLE", ...call }])]),
  );
}

export const numbered = (calls: Call[]) => JSON.stringify(calls.map((call, index) => ({ call: index, ...call })));

export async function jobOf(db: TestDatabase, job: number): Promise<Row> {
  return firstOf(await db.sql("select * from public.get_job($1, null, true)", [job]));
}

export async function taskOf(db: TestDatabase, task: unknown): Promise<Row> {
  return firstOf(await db.sql("select * from corral.find_task($1)", [task]));
}
