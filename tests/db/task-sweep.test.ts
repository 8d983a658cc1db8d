import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import { findQueueFaults } from "./find-queue-faults.ts";
import {
  addAgent,
  addJob,
  beat,
  claimTask,
  completeTask,
  completeTasks,
  controlJob,
  createJob,
  failTask,
  jobOf,
  openEnrollment,
  queueOf,
  requestTask,
  settleJob,
  sweepTasks,
  taskId,
  taskOf,
} from "./fleet-scene.ts";
import { addUser, call, runOf } from "./scene.ts";
import { startBlocked } from "./wait-for-lock.ts";

let db: TestDatabase;
const START = "2030-01-01T00:00:00Z";
beforeEach(async () => {
  db = await cloneDatabase();
  await db.setNow(START);
  await openEnrollment(db);
});
afterEach(() => db.drop());

const pass = async (seconds: number) => db.setNow(new Date(Date.parse(START) + seconds * 1000).toISOString());
const HOUR = 3600;
const DAY = 24 * HOUR;

describe("a task whose agent does not beat", () => {
  test("has the job's time, and is tried again then by another", async () => {
    await addJob(db, 1, { task_timeout_seconds: 100 });
    const { agent, task } = await claimTask(db);
    await pass(100);
    expect(await sweepTasks(db)).toMatchObject({ expired: 0 });
    await pass(101);
    expect(await sweepTasks(db)).toMatchObject({ expired: 1 });
    expect(await sweepTasks(db)).toMatchObject({ expired: 0 });
    const row = await taskOf(db, task);
    expect(row).toMatchObject({ state: "PENDING", failures: 1, agent_id: null });
    expect(row.reasons).toMatchObject([{ attempt: 1, reason: "The agent did not finish in time." }]);
    expect(await completeTask(db, agent, task, { attempt: 1 })).toMatchObject({ outcome: "stale_attempt" });
    await pass(120);
    await sweepTasks(db);
    expect(await requestTask(db, await addAgent(db))).toMatchObject({ task_id: task, attempt: 2 });
  });

  test("gives up when it was late as often as its job allows, and the job fails of it in the same sweep", async () => {
    const { id } = await addJob(db, 1, { task_timeout_seconds: 10, max_attempts: 1 });
    await claimTask(db);
    await sweepTasks(db);
    await pass(11);
    expect(await sweepTasks(db)).toMatchObject({ expired: 1, settled: 1 });
    expect(await jobOf(db, id)).toMatchObject({ status: "FAILED", failed_subtasks: 1 });
  });
});

describe("a task whose agent beats", () => {
  test("is its agent's until three intervals after it was last heard of", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db, { interval: 10 });
    await pass(29);
    expect(await sweepTasks(db)).toMatchObject({ expired: 0 });
    await beat(db, agent, { status: "WORKING" });
    await pass(58);
    expect(await sweepTasks(db)).toMatchObject({ expired: 0 });
    await pass(60);
    expect(await sweepTasks(db)).toMatchObject({ expired: 1 });
    expect(await taskOf(db, task)).toMatchObject({ state: "PENDING" });
  });

  test("is its agent's for three intervals after the claim, whenever it beat before", async () => {
    await addJob(db, 1);
    const agent = await addAgent(db, { interval: 10 });
    await pass(25);
    await db.sql("update corral.agents set last_seen_at = $2 where id = $1", [agent, START]);
    await db.sql("update corral.settings set poll_floor_seconds = 1000");
    await requestTask(db, agent);
    await db.sql("update corral.agents set last_seen_at = $2 where id = $1", [agent, START]);
    await pass(50);
    expect(await sweepTasks(db)).toMatchObject({ expired: 0 });
  });

  test("is taken away all the same when the job's time is up", async () => {
    await addJob(db, 1, { task_timeout_seconds: 20 });
    const { agent } = await claimTask(db, { interval: 10 });
    await sweepTasks(db);
    await pass(21);
    await beat(db, agent, { status: "WORKING" });
    expect(await sweepTasks(db)).toMatchObject({ expired: 1 });
  });
});

describe("a task whose agent is gone", () => {
  test("is tried again at once", async () => {
    await addJob(db, 1);
    const email = "gone@example.com";
    const owner = await addUser(db, email);
    const { task } = await claimTask(db, { email });
    await sweepTasks(db);
    await pass(1);
    await db.sql("delete from auth.users where id = $1", [owner]);
    expect(await sweepTasks(db)).toMatchObject({ expired: 1 });
    expect((await taskOf(db, task)).reasons).toMatchObject([{ reason: "The agent is gone." }]);
  });
});

describe("the sweep waits for nobody", () => {
  test("a task that somebody holds is left for the next", async () => {
    await addJob(db, 2, { task_timeout_seconds: 10 });
    const [held] = [await claimTask(db), await claimTask(db)];
    await sweepTasks(db);
    const client = await db.connect();
    await pass(11);
    await client.query("begin");
    await client.query("select from corral.tasks where id = $1 for update", [held?.task]);
    expect(await sweepTasks(db)).toMatchObject({ expired: 1 });
    await client.query("commit");
    expect(await sweepTasks(db)).toMatchObject({ expired: 1 });
  });

  test("a beat that comes after the sweep has looked, and before it acts, keeps the task", async () => {
    await addJob(db, 2);
    const [slow, alive] = [await claimTask(db, { interval: 10 }), await claimTask(db, { interval: 10 })];
    await sweepTasks(db);
    await pass(31);
    const client = await db.connect();
    await client.query("begin");
    // The sweep has to stop when it hands out the first of them again.
    await client.query("lock table corral.returns in exclusive mode");
    const sweep = await startBlocked(db, "select * from corral.sweep_tasks()");
    await beat(db, alive.agent, { status: "WORKING" });
    await client.query("commit");
    expect(await sweep.result).toMatchObject({ expired: 1 });
    expect(await taskOf(db, slow.task)).toMatchObject({ state: "PENDING" });
    expect(await taskOf(db, alive.task)).toMatchObject({ state: "RUNNING" });
  });
});

describe("the marks of the queue", () => {
  test("follow what is due: a job without numbers left gets its turn back when a task is", async () => {
    const { id } = await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await failTask(db, agent, task);
    await sweepTasks(db);
    expect(await queueOf(db, id)).toMatchObject({ has_tickets: false, has_returns: false });
    expect(await db.sql("select from corral.lanes")).toEqual([]);
    await pass(11);
    await sweepTasks(db);
    expect(await queueOf(db, id)).toMatchObject({ has_returns: true });
    expect(await findQueueFaults(db)).toEqual([]);
    expect(await requestTask(db, await addAgent(db))).toMatchObject({ task_id: task });
  });

  test("are put right whatever they say", async () => {
    const { id } = await addJob(db, 2);
    await claimTask(db);
    await db.sql("update corral.queue set has_returns = true where job_id = $1", [id]);
    await db.sql("delete from corral.lanes");
    await db.sql("update corral.swarms set lanes = 0");
    await sweepTasks(db);
    expect(await findQueueFaults(db)).toEqual([]);
    await claimTask(db);
    await db.sql("update corral.queue set has_tickets = true where job_id = $1", [id]);
    const { owner } = await addJob(db, 1);
    await controlJob(db, id, "pause");
    await db.sql("update corral.queue set is_open = false where lane_key = $1", [owner]);
    await sweepTasks(db);
    expect(await findQueueFaults(db)).toEqual([]);
    expect(await db.sql("select from corral.lanes")).toEqual([]);
  });

  test("of a lane in the middle: the last one takes its place", async () => {
    const jobs = [await addJob(db, 1), await addJob(db, 1), await addJob(db, 1)];
    const lanes = () => db.sql("select position, lane_key from corral.lanes order by position");
    await controlJob(db, jobs[0]?.id ?? 0, "pause");
    expect(await lanes()).toEqual([
      { position: 0, lane_key: jobs[2]?.owner },
      { position: 1, lane_key: jobs[1]?.owner },
    ]);
    await db.sql("delete from auth.users where id = $1", [jobs[2]?.owner]);
    await sweepTasks(db);
    expect(await lanes()).toEqual([{ position: 0, lane_key: jobs[1]?.owner }]);
    expect(await findQueueFaults(db)).toEqual([]);
  });
});

describe("a job", () => {
  test("that nobody settled is settled by the sweep", async () => {
    const { id } = await addJob(db, 2);
    await completeTasks(db, 2);
    expect(await sweepTasks(db)).toMatchObject({ settled: 1 });
    expect(await jobOf(db, id)).toMatchObject({ status: "COMPLETED" });
    expect(await sweepTasks(db)).toMatchObject({ settled: 0 });
  });

  test("that has no tasks at all is complete", async () => {
    const { id } = await addJob(db, 0);
    await sweepTasks(db);
    await sweepTasks(db);
    expect(await jobOf(db, id)).toMatchObject({ status: "COMPLETED", total_subtasks: 0 });
  });

  test("whose files did not come within an hour fails; one that was submitted does not", async () => {
    const { id } = await createJob(db, { draft: true });
    const submitted = await createJob(db, { draft: true });
    await call(db, "public.submit_job($1, 'https://example.com/a.csv', null, null, null, true)", [submitted.id]);
    await pass(HOUR);
    await sweepTasks(db);
    expect(await jobOf(db, id)).toMatchObject({ status: "PROCESSING" });
    await pass(HOUR + 1);
    await sweepTasks(db);
    expect(await jobOf(db, id)).toMatchObject({
      status: "FAILED",
      error_code: "upload_incomplete",
      error_message: "The upload of its files did not end.",
    });
    expect(await jobOf(db, submitted.id)).toMatchObject({ status: "PROCESSING" });
    await sweepTasks(db);
    expect(await db.sql("select from public.messages")).toHaveLength(1);
  });

  test("whose files come just now is left alone", async () => {
    const { id } = await createJob(db, { draft: true });
    const client = await db.connect();
    await pass(HOUR + 1);
    await client.query("begin");
    await client.query("select public.submit_job($1, 'https://example.com/a.csv', null, null, null, true)", [id]);
    await sweepTasks(db);
    await client.query("commit");
    await sweepTasks(db);
    expect(await jobOf(db, id)).toMatchObject({ status: "PROCESSING" });
    expect(await runOf(db, String(id))).toMatchObject({ state: "queued" });
  });
});

describe("the tasks of a job that is over", () => {
  const hot = (job: number) => db.sql("select id from corral.tasks where corral.job_of(id) = $1", [job]);
  const away = (job: number) =>
    db.sql("select id, state from corral.finished_tasks where corral.job_of(id) = $1 order by id", [job]);

  test("are put away after an hour", async () => {
    const done = await addJob(db, 2);
    await completeTasks(db, 2);
    await settleJob(db, done.id);
    const going = await addJob(db, 1);
    await pass(HOUR);
    expect(await sweepTasks(db)).toMatchObject({ put_away: 0 });
    await pass(HOUR + 1);
    expect(await sweepTasks(db)).toMatchObject({ put_away: 2 });
    expect(await sweepTasks(db)).toMatchObject({ put_away: 0 });
    expect(await hot(done.id)).toEqual([]);
    expect(await away(done.id)).toEqual([1, 2].map((n) => ({ id: taskId(done.id, n), state: "COMPLETED" })));
    expect(await hot(going.id)).toHaveLength(1);
    expect(await jobOf(db, done.id)).toMatchObject({ completed_subtasks: 2 });
  });

  test("are cancelled then where the job was, as far as they had not ended", async () => {
    const { id } = await addJob(db, 3);
    await completeTasks(db, 1);
    await claimTask(db);
    await controlJob(db, id, "cancel");
    await pass(HOUR + 1);
    expect(await sweepTasks(db)).toMatchObject({ put_away: 3 });
    expect((await away(id)).map(({ state }) => state)).toEqual(["COMPLETED", "CANCELLED", "CANCELLED"]);
    expect(await jobOf(db, id)).toMatchObject({ completed_subtasks: 1, cancelled_subtasks: 2 });
  });

  test("stay where the job failed, so that they can be tried again", async () => {
    const { id } = await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await failTask(db, agent, task, { retryable: false });
    await sweepTasks(db);
    await pass(DAY);
    expect(await sweepTasks(db)).toMatchObject({ put_away: 0 });
    expect(await controlJob(db, id, "retry_failed")).toMatchObject({ outcome: "done", tasks: 1 });
  });

  test("are put away some thousands at a time, of one job after the other", async () => {
    const jobs = [await addJob(db, 6000), await addJob(db, 10)];
    for (const { id } of jobs) await controlJob(db, id, "cancel");
    await pass(HOUR + 1);
    expect(await sweepTasks(db)).toMatchObject({ put_away: 5000 });
    expect(await sweepTasks(db)).toMatchObject({ put_away: 1010 });
    expect(await sweepTasks(db)).toMatchObject({ put_away: 0 });
    expect((await away(jobs[0]?.id ?? 0)).filter(({ state }) => state === "CANCELLED")).toHaveLength(6000);
    expect(await jobOf(db, jobs[0]?.id ?? 0)).toMatchObject({ completed_subtasks: 0, cancelled_subtasks: 6000 });
  });
});

describe("what is old", () => {
  const forget = () => db.sql("select corral.forget_old_jobs()");

  test("goes: jobs after thirty days with all that was theirs, and agents that were silent as long", async () => {
    const { id } = await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await completeTask(db, agent, task);
    await settleJob(db, id);
    const going = await addJob(db, 1);
    await pass(30 * DAY);
    await sweepTasks(db);
    await forget();
    expect(
      await call(db, "array(select public.list_known_jobs($1) order by 1)::int[]", [[id, going.id, 77777]]),
    ).toEqual([id, going.id]);
    await pass(30 * DAY + 1);
    const alive = await addAgent(db);
    await forget();
    expect(await call(db, "array(select public.list_known_jobs($1))::int[]", [[id, going.id]])).toEqual([going.id]);
    expect(await db.sql("select from corral.finished_tasks")).toEqual([]);
    expect(await db.sql("select id from corral.agents")).toEqual([{ id: alive }]);
  });

  test("of uploads is what no job refers to", async () => {
    const url = (name: string) => `gs://bucket/uploads/open/${name}`;
    const fields = ["data_url", "code_url", "requirements_url"];
    for (const field of fields) await createJob(db, { [field]: url(field) });
    const asked = [...fields, "nobody"].map(url);
    expect(await db.sql("select public.list_unreferenced_uploads($1) as url", [asked])).toEqual([
      { url: url("nobody") },
    ]);
  });
});

describe("the size of the fleet", () => {
  test("is counted once a minute: the agents that are not silent", async () => {
    await Promise.all([addAgent(db), addAgent(db), addAgent(db)]);
    const online = async () => call(db, "(select online from corral.fleet)");
    await sweepTasks(db);
    expect(await online()).toBe(3);
    await pass(60);
    await sweepTasks(db);
    expect(await online()).toBe(3);
    await addAgent(db);
    await pass(61);
    await sweepTasks(db);
    expect(await online()).toBe(1);
  });
});
