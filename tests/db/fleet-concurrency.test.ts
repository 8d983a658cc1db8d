import { randomUUID } from "node:crypto";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import { findQueueFaults } from "./find-queue-faults.ts";
import {
  addAgent,
  addJob,
  cancelAllJobs,
  claimTask,
  completeTask,
  completeTasks,
  controlJob,
  createJob,
  failTask,
  jobOf,
  numbered,
  openEnrollment,
  requestTask,
  settleJob,
  startRunOf,
  sweepTasks,
  taskOf,
} from "./fleet-scene.ts";
import { addProject, addUser, call, firstOf } from "./scene.ts";
import { startBlocked } from "./wait-for-lock.ts";

let db: TestDatabase;
let first: pg.Client;
beforeAll(async () => {
  db = await cloneDatabase();
  await openEnrollment(db);
  first = await db.connect();
});
afterAll(() => db.drop());
beforeEach(() => cancelAllJobs(db));
// A test that failed must not hold up those that follow.
afterEach(() => first.query("rollback"));

/** Runs a statement on the first connection and holds its locks until `commit`. */
async function hold(statement: string, params: unknown[] = []): Promise<Record<string, unknown> | undefined> {
  await first.query("begin");
  return (await first.query<Record<string, unknown>>(statement, params)).rows[0];
}
const commit = () => first.query("commit");
const DELETE_USER = "delete from auth.users where id = $1";
const CONTROL = "select * from public.control_job($1, $2, null, true)";
const FAIL = "select * from public.fail_task($1, $2, 'No', p_attempt => 1)";

describe("two at the same time", () => {
  test("settlings of one job: one of them closes it", async () => {
    const { id } = await addJob(db, 1, { aggregate: "concat" });
    await completeTasks(db, 1);
    expect(await hold("select public.settle_job($1) as settled", [id])).toEqual({ settled: true });
    expect(await settleJob(db, id)).toBe(false);
    await commit();
    expect(await settleJob(db, id)).toBe(false);
    expect(await db.sql("select from corral.runs where job_id = $1 and kind = 'aggregate'", [id])).toHaveLength(1);
  });

  test("cancellations of one job: the second finds it done", async () => {
    const { id } = await addJob(db, 1);
    expect(await hold(CONTROL, [id, "cancel"])).toMatchObject({ outcome: "done" });
    const second = await startBlocked(db, CONTROL, [id, "cancel"]);
    await commit();
    expect(await second.result).toMatchObject({ outcome: "unchanged", status: "CANCELLED" });
  });

  test("publications of jobs of one owner: he has one lane", async () => {
    const owner = await addUser(db);
    const jobs = [await createJob(db, { user_id: owner }), await createJob(db, { user_id: owner })];
    const runs = [];
    for (const { id } of jobs) {
      const { run, attempt } = await startRunOf(db, id);
      await db.sql('select public.add_tasks($1, $2, \'[{"number": 1, "chunk": "c"}]\')', [run, attempt]);
      runs.push([run, attempt]);
    }
    const publish = "select public.publish_tasks($1, $2, 1) as outcome";
    expect(await hold(publish, runs[0])).toEqual({ outcome: "published" });
    const second = await startBlocked(db, publish, runs[1]);
    await commit();
    expect(await second.result).toEqual({ outcome: "published" });
    expect(await findQueueFaults(db)).toEqual([]);
  });

  test("attempts at a split: the old one can write nothing any more", async () => {
    const { id } = await createJob(db);
    const { run, attempt } = await startRunOf(db, id);
    await call(db, "public.release_run($1, $2)", [run, attempt]);
    const next = await startRunOf(db, id);
    const publish = "select public.publish_tasks($1, $2, 0) as outcome";
    await hold(publish, [next.run, next.attempt]);
    const old = await startBlocked(db, publish, [run, attempt]);
    await commit();
    expect(await old.result).toEqual({ outcome: "stale" });
  });
});

describe("a job that is cancelled", () => {
  test("while a claim is under way: the agent learns it with its next call", async () => {
    const { id } = await addJob(db, 2);
    const agent = await addAgent(db);
    const given = await hold("select * from public.request_tasks($1)", [numbered([{ agent }])]);
    expect(await controlJob(db, id, "cancel")).toMatchObject({ outcome: "done" });
    await commit();
    expect(given).toMatchObject({ outcome: "assigned" });
    expect(await completeTask(db, agent, given?.task_id)).toMatchObject({ outcome: "job_cancelled" });
    expect(await requestTask(db, agent)).toMatchObject({ outcome: "nothing" });
  });

  test("while a task of it is given back: the sweep leaves nothing of it in the queue", async () => {
    const { id } = await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await hold(FAIL, [agent, task]);
    await controlJob(db, id, "cancel");
    await commit();
    expect(await db.sql("select from corral.returns where job_id = $1", [id])).toHaveLength(1);
    await sweepTasks(db);
    expect(await findQueueFaults(db)).toEqual([]);
  });

  test("while its split publishes: the tasks never come to the queue", async () => {
    const { id } = await createJob(db);
    const { run, attempt } = await startRunOf(db, id);
    await hold(CONTROL, [id, "cancel"]);
    const published = await startBlocked(db, "select public.publish_tasks($1, $2, 1) as outcome", [run, attempt]);
    await commit();
    expect(await published.result).toEqual({ outcome: "stale" });
    expect(await findQueueFaults(db)).toEqual([]);
  });

  test("while its results are published: whoever comes first decides", async () => {
    const { id } = await addJob(db, 1, { aggregate: "concat" });
    await completeTasks(db, 1);
    await settleJob(db, id);
    const { run, attempt } = await startRunOf(db, id);
    await hold("select public.publish_result($1, $2, 'gs://bucket/f.csv')", [run, attempt]);
    const cancelled = await startBlocked(db, CONTROL, [id, "cancel"]);
    await commit();
    expect(await cancelled.result).toMatchObject({ outcome: "job_over", status: "COMPLETED" });
  });
});

describe("a job that is deleted", () => {
  test("while a task of it fails: neither waits for the other in a circle, and nothing of it stays", async () => {
    const { id, owner } = await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await first.query("begin");
    await first.query("select from corral.tasks where id = $1 for no key update", [task]);
    const deleted = await startBlocked(db, `${DELETE_USER} returning id`, [owner]);
    expect(firstOf((await first.query(FAIL, [agent, task])).rows)).toMatchObject({ outcome: "retrying" });
    await commit();
    expect(await deleted.result).toEqual({ id: owner });
    for (const table of ["returns", "dead_letters", "leases", "queue"])
      expect(await db.sql(`select from corral.${table} where job_id = $1`, [id]), table).toEqual([]);
    expect(await taskOf(db, task)).toMatchObject({ id: null });
  });

  test("is told of as a task that there is not, to whom still works on it", async () => {
    const { owner } = await addJob(db, 2);
    const [one, two] = [await claimTask(db), await claimTask(db)];
    await hold(DELETE_USER, [owner]);
    const completion = await startBlocked(db, "select * from public.complete_tasks($1)", [
      numbered([{ agent: one.agent, task: one.task, result_url: "x" }]),
    ]);
    const failure = await startBlocked(db, FAIL, [two.agent, two.task]);
    await commit();
    expect(await completion.result).toMatchObject({ outcome: "task_not_found" });
    expect(await failure.result).toMatchObject({ outcome: "task_not_found" });
    expect(await requestTask(db, one.agent)).toMatchObject({ outcome: "nothing" });
  });

  test("leaves its dispenser to others, and its owner's lane to the sweep", async () => {
    const { owner } = await addJob(db, 5);
    await claimTask(db);
    await db.sql(DELETE_USER, [owner]);
    await sweepTasks(db);
    expect(await findQueueFaults(db)).toEqual([]);
    const { id } = await addJob(db, 1);
    expect(await claimTask(db)).toMatchObject({ task: `${id * 1e7 + 1}` });
  });

  test("while somebody waits to steer it is not found any more", async () => {
    const { id, owner } = await addJob(db, 1);
    await hold(DELETE_USER, [owner]);
    const steered = await startBlocked(db, CONTROL, [id, "pause"]);
    await commit();
    expect(await steered.result).toMatchObject({ outcome: "job_not_found" });
  });
});

describe("locks are taken user first, then project, job, and run", () => {
  const addAll = async () => {
    const owner = await addUser(db);
    const { id: project } = await addProject(db, { user_id: owner });
    const job = await createJob(db, { user_id: owner });
    await db.sql("update corral.jobs set project_id = $2 where id = $1", [job.id, project]);
    return { owner, project, job: job.id, ...(await startRunOf(db, job.id)) };
  };
  const locks = {
    user: "select from public.users where id = $1 for update",
    project: "select from public.projects where id = $1 for update",
    job: "select from corral.jobs where id = $1 for update",
    run: "select from corral.runs where id = $1 for update",
  };

  test.each([
    ["control_job", CONTROL, (all: { job: number }) => [all.job, "cancel"]],
    ["submit_job", "select public.submit_job($1, 'x', null, null, null, true)", (all: { job: number }) => [all.job]],
    [
      "publish_tasks",
      "select public.publish_tasks($1, $2, 0)",
      (all: { run: string; attempt: number }) => [all.run, all.attempt],
    ],
    [
      "fail_run",
      "select public.fail_run($1, $2, 'x', 'x')",
      (all: { run: string; attempt: number }) => [all.run, all.attempt],
    ],
  ])("by %s, which holds nothing that comes later while it waits", async (_, statement, paramsOf) => {
    for (const held of ["user", "project", "job"] as const) {
      const all = await addAll();
      const keys = { user: all.owner, project: all.project, job: all.job, run: all.run };
      await hold(locks[held], [keys[held]]);
      const waiting = await startBlocked(db, statement, paramsOf(all));
      const later = (["project", "job", "run"] as const).slice(["user", "project", "job"].indexOf(held));
      for (const lock of later) await first.query(`${locks[lock]} nowait`, [keys[lock]]);
      await commit();
      await waiting.result;
    }
  });
});

describe("the sweep and whoever steers", () => {
  test("a job that is just being retried is left alone by the sweep", async () => {
    const { id } = await addJob(db, 1, { max_attempts: 1 });
    const { agent, task } = await claimTask(db);
    await failTask(db, agent, task);
    await hold(CONTROL, [id, "retry_failed"]);
    expect(await sweepTasks(db)).toMatchObject({ settled: 0 });
    await commit();
    await sweepTasks(db);
    expect(await findQueueFaults(db)).toEqual([]);
    expect(await jobOf(db, id)).toMatchObject({ status: "RUNNING", pending_subtasks: 1, failed_subtasks: 0 });
  });

  test("a pause while the sweep is at it comes after it", async () => {
    const { id } = await addJob(db, 2);
    await claimTask(db);
    await hold("select * from corral.sweep_tasks()");
    const paused = await startBlocked(db, CONTROL, [id, "pause"]);
    await commit();
    expect(await paused.result).toMatchObject({ outcome: "done" });
    expect(await requestTask(db, await addAgent(db))).toMatchObject({ outcome: "nothing" });
    expect(await findQueueFaults(db)).toEqual([]);
  });

  test("two sweeps put the same thing right once", async () => {
    await addJob(db, 2, { task_timeout_seconds: 10 });
    const { task } = await claimTask(db);
    await sweepTasks(db);
    await db.sql("update corral.tasks set claimed_at = claimed_at - interval '1 minute' where id = $1", [task]);
    expect(await hold("select * from corral.sweep_tasks()")).toMatchObject({ expired: 1 });
    expect(await sweepTasks(db)).toMatchObject({ expired: 0, settled: 0 });
    await commit();
    expect(await taskOf(db, task)).toMatchObject({ failures: 1 });
  });
});

test("a project that enters training while its owner is deleted leaves no job behind", async () => {
  const owner = await addUser(db);
  const training = { code_url: "https://example.com/train.py" };
  const { id } = await addProject(db, { user_id: owner, metadata: { training } });
  await db.sql("insert into public.datasets (project_id, name, gcs_url) values ($1, 'a', $2)", [id, randomUUID()]);
  await hold(DELETE_USER, [owner]);
  const update = "update public.projects set status = 'pending_training' where id = $1 returning id";
  const waiting = await startBlocked(db, update, [id]);
  await commit();
  await expect(waiting.result).rejects.toThrow("Expected a row");
  expect(await db.sql("select from corral.jobs where owner_id = $1", [owner])).toEqual([]);
});
