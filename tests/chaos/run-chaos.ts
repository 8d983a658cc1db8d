import pg from "pg";
import { signIn } from "../../local/seed-cloud.ts";
import { startTestCloud, type TestCloud } from "../journeys/start-test-cloud.ts";
import { checkBucket } from "./check-bucket.ts";
import { checkDatabase } from "./check-database.ts";
import { checkCompletions, checkJournal } from "./check-journal.ts";
import { Client } from "./client.ts";
import { readJournal, startJournal } from "./journal.ts";
import { Ledger } from "./ledger.ts";
import { Machine } from "./machine.ts";
import { type Owner, Owners } from "./owners.ts";
import type { Fault } from "./plan-faults.ts";
import type { Random } from "./random.ts";
import { strike, Weather } from "./strike.ts";
import { pause, type World } from "./work.ts";

export interface ChaosOptions {
  seconds: number;
  random: Random;
  plan: Fault[];
  agents: number;
  /** How many jobs are under way at one time. */
  jobsAtOnce: number;
  /** How many tasks a job may have, from and to. */
  chunks: [number, number];
  /** Told of what happens, a line each. */
  say?: (line: string) => void;
}

export interface ChaosReport {
  violations: string[];
  /** What every part of the cloud has logged. */
  lines: string[];
  counts: Map<string, number>;
  jobs: number;
  tasks: number;
  completed: number;
  /** Attempts that ended other than by completion. */
  retried: number;
}

const ROWS = [60, 211, 400];
const TASK_TIMEOUT_MS = 10_000;
const QUIET_LIMIT_MS = 90_000;
const SWARM = "guarded";

/** Has tasks flow through a cloud of its own while everything in it dies, and resolves to what is wrong in the end. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const cloud = await startTestCloud();
  try {
    return await wreak(cloud, options);
  } finally {
    await cloud.close();
  }
}

async function wreak(cloud: TestCloud, options: ChaosOptions): Promise<ChaosReport> {
  const { random, plan, seconds, say = () => undefined } = options;
  const startedAt = new Date();
  const ledger = new Ledger();
  const weather = new Weather(random.fork());
  const client = new Client(cloud.info.functions_url, weather.fate);
  const world: World = { client, ledger, bucket: cloud.info.bucket };
  await startJournal(cloud);
  await cloud.sql(
    `update corral.settings
        set launch_lease_seconds = 10, lease_seconds = 10, retry_base_seconds = 1, max_attempts = 50, put_away_after_seconds = 3`,
  );
  await cloud.sql(
    "select cron.schedule(jobname, '1 seconds', command) from cron.job where jobname in ('corral-sweep', 'corral-sweep-tasks')",
  );
  const token = await issueSwarmToken(cloud.info.postgres_url, SWARM);
  const owners = new Owners({
    client,
    ledger,
    random: random.fork(),
    owners: [await makeOwner(cloud, cloud.info.owner), await makeOwner(cloud, cloud.info.admin)],
    swarm: SWARM,
    chunks: options.chunks,
  });
  const machines = Array.from({ length: options.agents }, (_, index) => {
    const isBare = index % 3 === 0;
    const swarmToken = index % 3 === 1 ? token : undefined;
    const email = index % 2 === 0 ? cloud.info.owner.email : cloud.info.admin.email;
    const id = `${isBare ? "bare" : swarmToken === undefined ? "careful" : "guarded"}-${index}`;
    return new Machine({ id, email, isBare, swarmToken }, world, random.fork());
  });

  const feeding = new AbortController();
  const working = new AbortController();
  const lives = machines.map((machine) => machine.run(working.signal));
  const fed = owners.feed(feeding.signal, options.jobsAtOnce);
  const failure = Promise.all([fed, ...lives]).then(
    () => undefined,
    (error: unknown) => error,
  );

  const began = performance.now();
  for (const { at, kind } of plan) {
    await pause(began + at - performance.now());
    say(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${kind}`);
    await strike({ cloud, machines, weather, world, random }, kind);
  }
  await pause(began + seconds * 1000 - performance.now());

  say(
    `${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  quiet: ${owners.unfinished.length} jobs to end`,
  );
  feeding.abort();
  await Promise.race([fed.catch(() => undefined), pause(QUIET_LIMIT_MS)]);
  for (const { key, kind, status, id } of owners.unfinished)
    ledger.violate(`${key} (${kind}, id ${id}) did not end: ${status}`);
  working.abort();
  await Promise.all(machines.map((machine) => machine.laidToRest()));
  const error = owners.unfinished.length > 0 ? undefined : await failure;
  if (error !== undefined) ledger.violate(`the owners gave up: ${error}`);
  await untilPutAway(cloud);
  client.close();

  const journal = await readJournal(cloud);
  const violations = [
    ...ledger.violations,
    ...checkJournal(journal, ledger, { timeoutMs: TASK_TIMEOUT_MS }),
    ...checkCompletions(journal, ledger),
    ...(await checkDatabase(cloud, owners.jobs, startedAt)),
    ...(await checkBucket(cloud, owners.jobs)),
  ];
  ledger.count("replies lost", client.lost);
  return {
    violations,
    lines: cloud.lines,
    counts: ledger.counts,
    jobs: owners.jobs.length,
    tasks: owners.jobs.reduce((sum, { chunks }) => sum + chunks, 0),
    completed: journal.filter(({ to }) => to === "COMPLETED").length,
    retried: journal.filter(({ from, to }) => from === "RUNNING" && to !== "COMPLETED").length,
  };
}

/** An owner with data of several sizes in the bucket. */
async function makeOwner(cloud: TestCloud, login: { id: string; email: string; password: string }): Promise<Owner> {
  const token = await signIn(cloud.info.api_url, cloud.info.anon_key, login);
  const data = new Map<number, string>();
  for (const rows of ROWS) {
    const object = `uploads/${login.id}/${rows}/data.csv`;
    const lines = Array.from({ length: rows }, (_, row) => `${row},${(row * 7919) % 1000}`);
    await cloud.save(object, `row,value\n${lines.join("\n")}\n`);
    data.set(rows, `gs://${cloud.info.bucket}/${object}`);
  }
  return { id: login.id, token, data };
}

/** Makes a swarm as whoever runs the cloud would; resolves to the token that enrols in it. */
async function issueSwarmToken(connectionString: string, swarm: string): Promise<string> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  const { rows } = await client.query<{ token: string }>("select corral.issue_swarm_token($1) as token", [swarm]);
  await client.end();
  const token = rows[0]?.token;
  if (token === undefined) throw new Error(`no token for swarm ${swarm}`);
  return token;
}

/** Sweeps until the tasks of all jobs are out of the hot table, or for as long as that should take at most. */
async function untilPutAway(cloud: TestCloud): Promise<void> {
  const until = performance.now() + TASK_TIMEOUT_MS;
  for (;;) {
    await cloud.sql("select corral.sweep_tasks()");
    const [left] = await cloud.sql("select from corral.jobs where not is_put_away limit 1");
    if (left === undefined || performance.now() > until) return;
    await pause(500);
  }
}
