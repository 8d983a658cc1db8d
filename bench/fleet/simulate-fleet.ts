import type pg from "pg";
import { EventQueue } from "./event-queue.ts";

export interface FleetFigures {
  requestsPerSecond: number;
  /** Seconds from a task's enqueuing to its claim, in the order of the claims. */
  waits: number[];
  /** How many tasks nobody had claimed by the end. */
  unclaimed: number;
}

export interface Simulation {
  agents: number;
  /** What agents may be told, in seconds; each reply takes the next. */
  intervals: number[];
  seconds: number;
  tasks: number;
}

/** So many intervals pass before anything is counted. */
const SETTLING_INTERVALS = 5;

/**
 * What Postgres tells the agents of a fleet of that size: its own rule with its own settings and its own jitter, asked
 * in a transaction that is rolled back.
 */
export async function drawIntervals(admin: pg.Client, agents: number, count: number): Promise<number[]> {
  await admin.query("begin");
  await admin.query("update corral.fleet set online = $1", [agents]);
  const { rows } = await admin.query<{ seconds: number }>(
    "select corral.jitter(r.poll_after) as seconds from corral.reception r, generate_series(1, $1::int)",
    [count],
  );
  await admin.query("rollback");
  return rows.map(({ seconds }) => seconds);
}

/** The same fleet event by event, on a clock of its own: replies take no time, tasks come in the middle. */
export function simulateFleet({ agents, intervals, seconds, tasks }: Simulation): FleetFigures {
  const queue = new EventQueue();
  let drawn = 0;
  const nextInterval = () => intervals[drawn++ % intervals.length] ?? Number.NaN;
  for (let agent = 0; agent < agents; agent++) queue.push(Math.random() * nextInterval());

  const from = SETTLING_INTERVALS * intervals.reduce((longest, interval) => Math.max(longest, interval), 0);
  const enqueuedAt = from + seconds / 2;
  const waits: number[] = [];
  let requests = 0;
  for (let time = queue.pop(); time !== undefined && time < from + seconds; time = queue.pop()) {
    if (time >= from) requests++;
    // Whoever gets a task is busy and does not come back.
    if (time >= enqueuedAt && waits.length < tasks) waits.push(time - enqueuedAt);
    else queue.push(time + nextInterval());
  }
  return { requestsPerSecond: requests / seconds, waits, unclaimed: tasks - waits.length };
}
