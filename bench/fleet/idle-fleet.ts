import type pg from "pg";
import { z } from "zod";
import type { Cloud } from "../../local/cloud.ts";
import { addTasks } from "../add-tasks.ts";
import { type HttpAgent, registerOverHttp } from "../claims/http-scene.ts";
import { HttpConnection } from "../http-connection.ts";
import type { FleetFigures } from "./simulate-fleet.ts";

const CONNECTIONS = 64;
/** Agents look whether they are due this often. */
const TICK_MS = 5;

const reply = z.object({ task_id: z.number().nullable(), poll_after_seconds: z.number() });

export interface Window {
  seconds: number;
  /** How many tasks are enqueued in the middle; each keeps the agent that gets it busy for the rest of the window. */
  tasks: number;
}

/**
 * A fleet of agents that have nothing to do and ask again when they are told to, over real HTTP. The connections are
 * shared, so that a machine can stand for ten thousand.
 */
export async function measureIdleFleet(
  cloud: Cloud,
  admin: pg.Client,
  size: number,
  { seconds, tasks }: Window,
): Promise<FleetFigures> {
  const agents = await registerOverHttp(cloud, size, CONNECTIONS);
  const lines = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => HttpConnection.open(cloud.info.functions_url)),
  );
  const path = `${new URL(cloud.info.functions_url).pathname}/agent/request_task`;
  const ask = async (line: HttpConnection, { id, token }: HttpAgent) => {
    const { status, body } = await line.post(path, { agent_id: id }, token);
    if (status !== 200) throw new Error(`request_task answered ${status}: ${body}`);
    return reply.parse(JSON.parse(body));
  };
  // Everybody is seen, then counted, then told how long to wait in a fleet of that size.
  await askAll(agents, lines, ask);
  await countFleet(admin, size);
  const told = await askAll(agents, lines, ask);

  const startedAt = performance.now();
  // Evenly spread, as those are that have been coming and going for long.
  const due = agents
    .map((agent, index) => ({
      agent,
      at: startedAt + ((index + Math.random()) / size) * 1000 * (told[index]?.poll_after_seconds ?? 0),
    }))
    .sort((a, b) => a.at - b.at);
  const endsAt = startedAt + seconds * 1000;
  const free = [...lines];
  const waits: number[] = [];
  const lateness: number[] = [];
  let enqueuedAt = Number.POSITIVE_INFINITY;
  let requests = 0;
  let failure: unknown;
  const poll = async (agent: HttpAgent, line: HttpConnection) => {
    requests++;
    const { task_id, poll_after_seconds } = await ask(line, agent);
    free.push(line);
    if (task_id !== null) waits.push((performance.now() - enqueuedAt) / 1000);
    else insertByTime(due, { agent, at: performance.now() + poll_after_seconds * 1000 });
  };
  const enqueue = setTimeout(() => {
    addTasks(admin, { ready: tasks })
      .then(() => {
        enqueuedAt = performance.now();
      })
      .catch((error: unknown) => {
        failure = error;
      });
  }, seconds * 500);
  for (let now = startedAt; now < endsAt && failure === undefined; now = performance.now()) {
    for (let next = due[0]; next !== undefined && next.at <= now && free.length > 0; next = due[0]) {
      due.shift();
      lateness.push(now - next.at);
      const line = free.pop();
      if (line !== undefined)
        poll(next.agent, line).catch((error: unknown) => {
          failure = error;
        });
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  clearTimeout(enqueue);
  for (const line of lines) line.close();
  if (failure !== undefined) throw failure;
  if (Math.max(0, ...lateness) > 1000) throw new Error("The agents could not come when they were due");
  await forgetFleet(admin);
  return { requestsPerSecond: requests / seconds, waits, unclaimed: tasks - waits.length };
}

/** Keeps the earliest first. */
function insertByTime<T extends { at: number }>(sorted: T[], item: T): void {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle]?.at ?? 0) <= item.at) low = middle + 1;
    else high = middle;
  }
  sorted.splice(low, 0, item);
}

async function askAll<T>(
  agents: HttpAgent[],
  lines: HttpConnection[],
  ask: (line: HttpConnection, agent: HttpAgent) => Promise<T>,
): Promise<T[]> {
  const replies: T[] = [];
  const left = agents.entries();
  await Promise.all(
    lines.map(async (line) => {
      for (const [index, agent] of left) replies[index] = await ask(line, agent);
    }),
  );
  return replies;
}

/** Has the sweep count the agents now instead of at its next minute. */
async function countFleet(admin: pg.Client, size: number): Promise<void> {
  await admin.query("update corral.fleet set counted_at = '-infinity'");
  await admin.query("select corral.sweep_tasks()");
  const { rows } = await admin.query<{ online: number }>("select online from corral.fleet");
  if (rows[0]?.online !== size) throw new Error(`Of ${size} agents the sweep counted ${rows[0]?.online}`);
}

async function forgetFleet(admin: pg.Client): Promise<void> {
  await admin.query("select public.control_job(id, 'cancel', null, true) from corral.jobs where finished_at is null");
  await admin.query("delete from corral.agents");
}
