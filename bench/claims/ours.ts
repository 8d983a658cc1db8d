import { createHash, randomUUID } from "node:crypto";
import type pg from "pg";
import { addTasks, forgetTasks } from "../add-tasks.ts";
import { type Contender, type Round, runRounds } from "./contender.ts";
import { connect, connectMany } from "./start-arena.ts";

/** As pg_cron calls the sweep where it runs. */
const SWEEP_EVERY_MS = 10_000;
const RESULT = "gs://bench/jobs/1/results/result.csv";

export interface OursOptions {
  /** How a caller works: a call to claim and one to complete, or both in one by `cycle_agents`. */
  way: "two calls" | "cycle";
  /** How many agents' calls one statement carries. */
  batch: number;
  /** Tasks that were completed before the backlog that is to be claimed. */
  completed?: number;
}

export interface Agent {
  agent: string;
  token: string;
}

/** Our functions, called as the edge functions call them, with the sweep running beside. */
export async function createOurs(url: string, { way, batch, completed = 0 }: OursOptions): Promise<Contender> {
  const admin = await connect(url);
  return {
    title: `ours${way === "cycle" ? ", cycle" : ""}${batch > 1 ? `, batches of ${batch}` : ""}`,
    batch,
    async fill(tasks) {
      await forgetTasks(admin);
      await addTasks(admin, { ready: tasks, completed });
      await admin.query("vacuum analyze corral.tasks, corral.queue, corral.jobs, corral.agents, corral.lanes");
    },
    async open(callers) {
      const agents = await registerAgents(admin, callers * batch);
      const clients = await connectMany(url, callers);
      const rounds = clients.map((client, index) => {
        const own = agents.slice(index * batch, (index + 1) * batch);
        return way === "cycle" ? cycleRound(client, own) : pairRound(client, own);
      });
      const sweeper = await startSweeper(url);
      return {
        run: (limits) => runRounds(rounds, limits),
        async close() {
          await sweeper.stop();
          await Promise.all(clients.map((client) => client.end()));
        },
      };
    },
    close: () => admin.end(),
  };
}

/** Makes agents known, with a token each as those have that enrol where enrollment is closed. */
export async function registerAgents(admin: pg.Client, count: number): Promise<Agent[]> {
  const email = "owner@bench.local";
  const known = await admin.query("select from public.users where email = $1", [email]);
  if (known.rowCount === 0)
    await admin.query("insert into auth.users (id, email) values ($1, $2)", [randomUUID(), email]);
  await admin.query("update corral.settings set open_enrollment = true");
  const agents = Array.from({ length: count }, (_, index) => {
    const agent = `agent-${index}`;
    return { agent, token: createHash("sha256").update(agent).digest("hex") };
  });
  const { rows } = await admin.query<{ outcome: string }>(
    `select r.outcome from jsonb_to_recordset($1) as a (agent text, token text)
      cross join lateral public.register_agent(a.agent, $2, p_new_token => a.token, p_token => (
        select a.token from corral.agents known where known.id = a.agent)) r`,
    [JSON.stringify(agents), email],
  );
  const refused = rows.find(({ outcome }) => outcome !== "created" && outcome !== "linked");
  if (refused !== undefined) throw new Error(`The agents were not registered: ${refused.outcome}`);
  return agents;
}

export interface Claimed {
  call: number;
  task: number;
  attempt: number;
}

/** Claims a task for each of these agents; by a request id they get a new one even while they hold others. */
export async function claim(client: pg.Client, agents: Agent[], requestId: string | null = null): Promise<Claimed[]> {
  const { rows } = await client.query<{ call: number; task_id: string | null; attempt: number }>({
    name: "claim",
    text: "select call, task_id, attempt, chunk from public.request_tasks($1)",
    values: [JSON.stringify(agents.map((agent, call) => ({ call, ...agent, request_id: requestId })))],
  });
  return rows.flatMap(({ call, task_id, attempt }) =>
    task_id === null ? [] : [{ call, task: Number(task_id), attempt }],
  );
}

function pairRound(client: pg.Client, agents: Agent[]): Round {
  return async () => {
    const claimed = await claim(client, agents);
    if (claimed.length === 0) return 0;
    const { rows } = await client.query<{ outcome: string }>({
      name: "complete",
      text: "select call, outcome from public.complete_tasks($1)",
      values: [
        JSON.stringify(
          claimed.map(({ call, ...held }) => ({ call, ...agents[call], ...held, result_url: RESULT, rows: 1000 })),
        ),
      ],
    });
    if (rows.some(({ outcome }) => outcome !== "completed")) throw new Error("A completion was refused");
    return claimed.length;
  };
}

/** Completes what each agent holds, beats for it and claims the next: one statement per round. */
function cycleRound(client: pg.Client, agents: Agent[]): Round {
  const held = new Map<number, Omit<Claimed, "call">>();
  return async () => {
    const calls = agents.map((agent, call) => {
      const complete = held.get(call);
      const done = complete === undefined ? null : { ...complete, result_url: RESULT, rows: 1000 };
      return { call, ...agent, status: "WORKING", tasks: null, complete: done, claim: true, request_id: null };
    });
    const { rows } = await client.query<{ call: number; task_id: string | null; attempt: number; completion: string }>({
      name: "cycle",
      text: "select call, task_id, attempt, chunk, completion from public.cycle_agents($1)",
      values: [JSON.stringify(calls)],
    });
    if (rows.some(({ completion }) => (completion ?? "completed") !== "completed"))
      throw new Error("A completion was refused");
    held.clear();
    for (const { call, task_id, attempt } of rows)
      if (task_id !== null) held.set(call, { task: Number(task_id), attempt });
    return held.size;
  };
}

async function startSweeper(url: string) {
  const client = await connect(url);
  let sweeping: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    sweeping = client.query("select corral.sweep_tasks()");
  }, SWEEP_EVERY_MS);
  return {
    async stop() {
      clearInterval(timer);
      await sweeping;
      await client.end();
    },
  };
}
