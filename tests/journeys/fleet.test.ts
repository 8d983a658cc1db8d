import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { addTasks } from "../../bench/add-tasks.ts";
import { HttpConnection } from "../../bench/http-connection.ts";
import { readJournal, startJournal } from "../chaos/journal.ts";
import { Random } from "../chaos/random.ts";
import { startTestCloud, type TestCloud } from "./start-test-cloud.ts";
import { waitFor } from "./wait-for.ts";

const TASKS = 5000;
const AGENTS = 32;
/** How likely an agent dies with a call under way. */
const DEATH = 0.01;
const TASK_TIMEOUT_SECONDS = 3;

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud();
  await startJournal(cloud);
  await cloud.sql("select cron.schedule('corral-sweep-tasks', '1 seconds', 'select corral.sweep_tasks()')");
});
afterAll(() => cloud.close());

const givenTask = z.object({ task_id: z.int().nullable() });

/** Who was told that he had completed which task. */
interface Acknowledged {
  task: number;
  agent: string;
}

test("32 agents that are killed at random do 5,000 tasks: none lost, none done twice", {
  timeout: 180_000,
}, async () => {
  const job = await makeJob();
  const acknowledged: Acknowledged[] = [];
  const over = new AbortController();
  const machines = Array.from({ length: AGENTS }, (_, index) => keepAgentAlive(index, over.signal, acknowledged));
  await waitFor(async () => {
    const [row] = await cloud.sql("select from corral.jobs where id = $1 and status = 'COMPLETED'", [job]);
    return row === undefined ? undefined : true;
  });
  over.abort();
  const deaths = (await Promise.all(machines)).reduce((sum, count) => sum + count, 0);

  const [counts] = await cloud.sql(
    `select count(*)::int as tasks, count(*) filter (where state = 'COMPLETED')::int as completed,
            count(*) filter (where attempt > 1)::int > 0 as "someAgain"
       from corral.tasks where corral.job_of(id) = $1`,
    [job],
  );
  expect(counts).toEqual({ tasks: TASKS, completed: TASKS, someAgain: true });
  const ends = (await readJournal(cloud)).filter(({ to }) => to === "COMPLETED");
  expect(ends).toHaveLength(TASKS);
  const completers = new Map(ends.map(({ task, agent }) => [task, agent]));
  expect(completers.size).toBe(TASKS);
  expect(acknowledged.filter(({ task, agent }) => completers.get(task) !== agent)).toEqual([]);
  // Whoever died before he heard of it has completed his task all the same.
  const told = new Set(acknowledged.map(({ task }) => task));
  expect(TASKS - told.size).toBeLessThanOrEqual(deaths);
  expect(deaths).toBeGreaterThan(20);
});

class Died extends Error {
  constructor(options: ErrorOptions) {
    super("died with a call under way", options);
  }
}

/** Runs one agent after the other, half of them under the old one's id; resolves to how many died. */
async function keepAgentAlive(index: number, over: AbortSignal, acknowledged: Acknowledged[]): Promise<number> {
  const random = new Random(index);
  let deaths = 0;
  let id = `agent-${index}`;
  while (!over.aborted) {
    const connection = await HttpConnection.open(cloud.info.functions_url);
    const call = async (path: string, body: unknown): Promise<unknown> => {
      const reply = connection.post(`/functions/v1/agent/${path}`, body);
      const death = random.chance(DEATH) ? setTimeout(() => connection.close(), random.between(0, 4)) : undefined;
      const { status, body: text } = await reply.catch((cause: unknown) => {
        throw new Died({ cause });
      });
      clearTimeout(death);
      return status === 200 ? JSON.parse(text) : undefined;
    };
    try {
      await call("register", { id, email: cloud.info.owner.email });
      while (!over.aborted) {
        const { task_id: task } = givenTask.parse(await call("request_task", { agent_id: id }));
        if (task === null) {
          await new Promise((resolve) => setTimeout(resolve, random.between(50, 150)));
          continue;
        }
        const result_url = `https://example.org/${task}/${id}`;
        const done = await call("complete_task", { agent_id: id, task_id: task, result_url });
        if (done !== undefined) acknowledged.push({ task, agent: id });
      }
    } catch (error) {
      if (!(error instanceof Died)) throw error;
      deaths++;
      if (random.chance(0.5)) id = `agent-${index}-${deaths}`;
    } finally {
      connection.close();
    }
  }
  return deaths;
}

/** A job as the split of its data leaves it behind; resolves to its id. */
async function makeJob(): Promise<number> {
  const admin = new pg.Client({ connectionString: cloud.adminUrl });
  await admin.connect();
  const job = await addTasks(admin, { ready: TASKS });
  await admin.end();
  await cloud.sql("update corral.jobs set task_timeout_seconds = $2, max_attempts = 100 where id = $1", [
    job,
    TASK_TIMEOUT_SECONDS,
  ]);
  return job;
}
