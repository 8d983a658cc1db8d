import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import {
  addAgent,
  addJob,
  cancelAllJobs,
  claimTask,
  completeTask,
  controlJob,
  failTask,
  hashOf,
  openEnrollment,
  requestTask,
  settleJob,
  silenceAgent,
  sweepTasks,
  taskOf,
} from "./fleet-scene.ts";
import { addUser, call, firstOf } from "./scene.ts";
import { startBlocked } from "./wait-for-lock.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
  await openEnrollment(db);
});
afterAll(() => db.drop());
beforeEach(() => cancelAllJobs(db));

interface Asked {
  token?: string;
  attempt?: number;
  progress?: number;
  message?: string;
}
const report = async (agent: string, task: unknown, asked: Asked = {}): Promise<Row> =>
  firstOf(
    await db.sql("select * from public.report_task_progress($1, $2, $3, $4, $5, $6)", [
      agent,
      task,
      asked.token,
      asked.attempt,
      asked.progress,
      asked.message,
    ]),
  );
const authorize = async (agent: string, task: unknown, asked: Asked = {}): Promise<Row> =>
  firstOf(
    await db.sql("select * from public.authorize_upload($1, $2, $3, $4)", [agent, task, asked.token, asked.attempt]),
  );
const deregister = async (agent: string, token?: string): Promise<Row> =>
  firstOf(await db.sql("select * from public.deregister_agent($1, $2)", [agent, token]));
const guardedAgent = async () => addAgent(db, { token: await call<string>(db, "corral.issue_swarm_token('default')") });
const putAway = async (job: number) => {
  await db.sql("update corral.jobs set finished_at = finished_at - interval '1 day' where id = $1", [job]);
  await sweepTasks(db);
};

describe("a report of progress", () => {
  test("is kept, and what it leaves out stays as it was", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    expect(await report(agent, task, { progress: 0.25, message: "epoch 1" })).toMatchObject({ outcome: "continue" });
    expect(await taskOf(db, task)).toMatchObject({ progress: 0.25, message: "epoch 1" });
    expect(await report(agent, task, { progress: 0.5, attempt: 1 })).toMatchObject({ outcome: "continue" });
    expect(await report(agent, task, { message: "epoch 2" })).toMatchObject({ outcome: "continue" });
    expect(await taskOf(db, task)).toMatchObject({ state: "RUNNING", progress: 0.5, message: "epoch 2" });
  });

  test.each([
    [-1, 0],
    [7, 1],
  ])("of %s counts as %s", async (said, kept) => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await report(agent, task, { progress: said });
    expect((await taskOf(db, task)).progress).toBe(kept);
  });

  test("is told to stop when the task is another's, another attempt's, or over", async () => {
    const { id } = await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    const stop = { outcome: "stop" };
    expect(await report(await addAgent(db), task, { progress: 0.9 })).toMatchObject(stop);
    expect(await report(agent, task, { attempt: 2, progress: 0.9 })).toMatchObject(stop);
    expect((await taskOf(db, task)).progress).toBeNull();
    await completeTask(db, agent, task);
    expect(await report(agent, task, { progress: 0.1 })).toMatchObject(stop);
    expect((await taskOf(db, task)).progress).toBe(1);
    await settleJob(db, id);
    await putAway(id);
    expect(await report(agent, task)).toMatchObject(stop);
  });

  test("is told to stop when the job is cancelled", async () => {
    const { id } = await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await controlJob(db, id, "cancel");
    expect(await report(agent, task)).toMatchObject({ outcome: "stop" });
  });

  test("about nothing, or from nobody, is answered so", async () => {
    await addJob(db, 1);
    const agent = await guardedAgent();
    const { task_id: task } = await requestTask(db, agent, { token: hashOf(agent) });
    expect(await report(agent, 5, { token: hashOf(agent) })).toMatchObject({ outcome: "task_not_found" });
    expect(await report("nobody", task)).toMatchObject({ outcome: "agent_not_found", poll_after_seconds: 10 });
    expect(await report(agent, task, { progress: 0.5 })).toMatchObject({ outcome: "unauthorized" });
    expect((await taskOf(db, task)).progress).toBeNull();
  });

  test.each([
    ["ten seconds", {}, 10],
    ["a third of its interval", { interval: 90 }, 30],
  ])("is a sign of life, noted when the last is older than %s", async (_, wishes, seconds) => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db, wishes);
    const ageAfter = async (age: number) => {
      await silenceAgent(db, agent, age);
      await report(agent, task);
      const since = "(select extract(epoch from corral.now() - last_seen_at)::float8 from corral.agents where id = $1)";
      return call<number>(db, since, [agent]);
    };
    expect(await ageAfter(seconds - 2)).toBeGreaterThan(seconds - 3);
    expect(await ageAfter(seconds + 1)).toBeLessThan(2);
  });

  test("waits for nobody who holds the agent", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await db.sql("update corral.agents set last_seen_at = '2020-01-01' where id = $1", [agent]);
    const client = await db.connect();
    await client.query("begin");
    await client.query("select from corral.agents where id = $1 for update", [agent]);
    expect(await report(agent, task, { progress: 0.5 })).toMatchObject({ outcome: "continue" });
    await client.query("commit");
  });
});

describe("an upload", () => {
  test("is allowed to whom holds the task, and names the attempt", async () => {
    const { id } = await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    expect(await authorize(agent, task)).toEqual({ outcome: "allowed", job_id: `${id}`, attempt: 1 });
    await failTask(db, agent, task, { giveBack: true });
    expect(await authorize(agent, task, { attempt: 1 })).toMatchObject({ outcome: "stale_attempt" });
    await requestTask(db, agent);
    expect(await authorize(agent, task, { attempt: 2 })).toEqual({ outcome: "allowed", job_id: `${id}`, attempt: 2 });
    expect(await authorize(agent, task, { attempt: 1 })).toMatchObject({ outcome: "stale_attempt" });
  });

  test("is refused to all others, at all other times", async () => {
    const { id } = await addJob(db, 2);
    const agent = await guardedAgent();
    const token = hashOf(agent);
    const { task_id: task } = await requestTask(db, agent, { token });
    expect(await authorize("nobody", task)).toMatchObject({ outcome: "agent_not_found" });
    expect(await authorize(agent, task)).toMatchObject({ outcome: "unauthorized" });
    expect(await authorize(await addAgent(db), task)).toMatchObject({ outcome: "task_not_assigned" });
    expect(await authorize(agent, 5, { token })).toMatchObject({ outcome: "task_not_found" });
    await completeTask(db, agent, task, { token });
    expect(await authorize(agent, task, { token })).toMatchObject({ outcome: "stale_attempt" });
    const { task_id: next } = await requestTask(db, agent, { token });
    await controlJob(db, id, "cancel");
    expect(await authorize(agent, next, { token })).toMatchObject({ outcome: "job_cancelled" });
    await putAway(id);
    expect(await authorize(agent, next, { token })).toMatchObject({ outcome: "job_cancelled" });
  });
});

describe("an agent that leaves", () => {
  test("gives its tasks back, is forgotten, and may come again", async () => {
    await addJob(db, 3);
    const agent = await addAgent(db);
    const held = [await requestTask(db, agent, { request_id: "a" }), await requestTask(db, agent, { request_id: "b" })];
    const done = await requestTask(db, agent, { request_id: "c" });
    await completeTask(db, agent, done.task_id);
    expect(await deregister(agent)).toEqual({ outcome: "deregistered", tasks_returned: 2 });
    expect(await deregister(agent)).toEqual({ outcome: "agent_not_found", tasks_returned: 0 });
    expect(await completeTask(db, agent, held[0]?.task_id)).toMatchObject({ outcome: "task_not_assigned" });
    expect(await taskOf(db, held[0]?.task_id)).toMatchObject({ state: "PENDING", failures: 0, reasons: [] });
    expect([(await claimTask(db)).task, (await claimTask(db)).task]).toEqual(held.map(({ task_id }) => task_id));
    expect(await taskOf(db, done.task_id)).toMatchObject({ state: "COMPLETED" });
  });

  test("gives nothing back of a job that was cancelled", async () => {
    const { id } = await addJob(db, 1);
    const { agent } = await claimTask(db);
    await controlJob(db, id, "cancel");
    expect(await deregister(agent)).toEqual({ outcome: "deregistered", tasks_returned: 0 });
    expect(await db.sql("select from corral.returns where job_id = $1", [id])).toEqual([]);
  });

  test("has to show its token", async () => {
    const agent = await guardedAgent();
    expect(await deregister(agent)).toEqual({ outcome: "unauthorized", tasks_returned: 0 });
    expect(await deregister(agent, hashOf(agent))).toEqual({ outcome: "deregistered", tasks_returned: 0 });
  });

  test("waits for its owner's end before it touches a task, so that neither waits for the other in a circle", async () => {
    const email = "leaver@example.com";
    const owner = await addUser(db, email);
    await addJob(db, 1);
    const { agent, task } = await claimTask(db, { email });
    const client = await db.connect();
    await client.query("begin");
    await client.query("delete from public.users where id = $1", [owner]);
    const left = await startBlocked(db, "select * from public.deregister_agent($1)", [agent]);
    await client.query("select from corral.tasks where id = $1 for update nowait", [task]);
    await client.query("commit");
    expect(await left.result).toMatchObject({ outcome: "agent_not_found", tasks_returned: 0 });
  });
});
