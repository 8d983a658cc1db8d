import { randomUUID } from "node:crypto";
import { formatTable } from "../../local/text-table.ts";
import { addTasks } from "../add-tasks.ts";
import type { Effort } from "./compare.ts";
import { claim, registerAgents } from "./ours.ts";
import type { Section } from "./sql-section.ts";
import { type Arena, connect, connectMany } from "./start-arena.ts";

const CALLERS = 32;
const BATCH = 100;
const NAIVE_TASKS = 2000;

interface Handouts {
  tasks: number;
  /** How many claims were answered with a task. */
  claims: number;
  /** How many tasks were given to more than one claim. */
  doubled: number;
  missing: number;
}

/** A million claims, no task to two of them; and what happens where one selects and then updates. */
export async function measureDoubleClaims(arena: Arena, effort: Effort): Promise<Section> {
  const ours = await claimAll(arena, effort.quick ? 100_000 : 1_000_000);
  const naive = await claimNaively(arena);
  const toRow = (of: string, { tasks, claims, doubled, missing }: Handouts) => [
    of,
    ...[tasks, claims, doubled, missing].map((count) => count.toLocaleString("en")),
    (claims / tasks).toFixed(2),
  ];
  const header = ["of", "tasks", "claims", "doubled", "never", "claims per task"];
  const rows = [toRow("ours, singles and batches", ours), toRow("naive select, then update", naive)];
  process.stdout.write(`\nDouble claims: ${CALLERS} callers\n\n${formatTable(header, rows)}\n`);
  const count = `${ours.doubled} doubled and ${ours.missing} never handed out of ${ours.tasks.toLocaleString("en")}`;
  return {
    verdicts: [[`ours: ${count}, none expected`, ours.doubled === 0 && ours.missing === 0]],
    figures: { ours, naive },
  };
}

/** Every other claim is a batch; each has a request id of its own, so that what an agent holds is not given again. */
async function claimAll(arena: Arena, tasks: number): Promise<Handouts> {
  const url = await arena.createDatabase("ours_doubles", "ours");
  const admin = await connect(url);
  const job = await addTasks(admin, { ready: tasks });
  const agents = await registerAgents(admin, CALLERS * BATCH);
  const clients = await connectMany(url, CALLERS);
  const given = new Uint8Array(tasks + 1);
  await Promise.all(
    clients.map(async (client, index) => {
      const own = agents.slice(index * BATCH, (index + 1) * BATCH);
      for (let turn = 0; ; turn++) {
        const asking = turn % 2 === 0 ? own : own.slice(0, 1);
        const claimed = await claim(client, asking, randomUUID());
        for (const { task } of claimed) count(given, task - job * 10_000_000);
        if (claimed.length === 0) return;
      }
    }),
  );
  await checkAttempts(admin, tasks);
  await Promise.all([admin, ...clients].map((client) => client.end()));
  return tally(given);
}

/** What the database thinks has to be what the callers were told. */
async function checkAttempts(admin: Awaited<ReturnType<typeof connect>>, tasks: number): Promise<void> {
  const { rows } = await admin.query<{ once: string }>(
    "select count(*) as once from corral.tasks where state = 'RUNNING' and attempt = 1",
  );
  if (Number(rows[0]?.once) !== tasks) throw new Error(`Of ${tasks} tasks ${rows[0]?.once} run for the first time`);
}

async function claimNaively(arena: Arena): Promise<Handouts> {
  const url = await arena.createDatabase("naive", "empty");
  const admin = await connect(url);
  await admin.query("create table tasks (id int primary key, state text not null default 'ready', agent_id text)");
  await admin.query("insert into tasks (id) select generate_series(1, $1::int)", [NAIVE_TASKS]);
  await admin.query("create index on tasks (id) where state = 'ready'");
  const clients = await connectMany(url, CALLERS);
  const given = new Uint8Array(NAIVE_TASKS + 1);
  await Promise.all(
    clients.map(async (client, index) => {
      for (;;) {
        const { rows } = await client.query<{ id: number }>(
          "select id from tasks where state = 'ready' order by id limit 1",
        );
        const id = rows[0]?.id;
        if (id === undefined) return;
        await client.query("update tasks set state = 'running', agent_id = $2 where id = $1", [id, `agent-${index}`]);
        count(given, id);
      }
    }),
  );
  await Promise.all([admin, ...clients].map((client) => client.end()));
  return tally(given);
}

function count(given: Uint8Array, number: number): void {
  given[number] = (given[number] ?? 0) + 1;
}

function tally(given: Uint8Array): Handouts {
  const numbers = given.subarray(1);
  return {
    tasks: numbers.length,
    claims: numbers.reduce((sum, times) => sum + times, 0),
    doubled: numbers.reduce((sum, times) => sum + (times > 1 ? 1 : 0), 0),
    missing: numbers.reduce((sum, times) => sum + (times === 0 ? 1 : 0), 0),
  };
}
