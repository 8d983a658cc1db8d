import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import {
  addAgent,
  addJob,
  cancelAllJobs,
  claimTask,
  completeTask,
  completeTasks,
  failTask,
  openEnrollment,
  queueOf,
  requestTask,
  requestTasks,
  sweepTasks,
  taskId,
  taskOf,
} from "./fleet-scene.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
  await openEnrollment(db);
});
afterAll(() => db.drop());
beforeEach(() => cancelAllJobs(db));

describe("what came back", () => {
  test("is handed out before new tasks, lowest number first, and as a further attempt", async () => {
    const { id } = await addJob(db, 5);
    const held = [await claimTask(db), await claimTask(db), await claimTask(db)];
    for (const { agent, task } of held.slice(0, 2).toReversed()) await failTask(db, agent, task, { giveBack: true });
    const given = [await requestTask(db, await addAgent(db)), await requestTask(db, await addAgent(db))];
    expect(given.map(({ task_id, attempt }) => [task_id, attempt])).toEqual([
      [taskId(id, 1), 2],
      [taskId(id, 2), 2],
    ]);
    expect((await queueOf(db, id)).has_returns).toBe(true);
    expect(await claimTask(db)).toMatchObject({ task: taskId(id, 4) });
    expect((await queueOf(db, id)).has_returns).toBe(false);
  });

  test("is handed out to several in one statement, together with new tasks", async () => {
    const { id } = await addJob(db, 4);
    const held = [await claimTask(db), await claimTask(db)];
    for (const { agent, task } of held) await failTask(db, agent, task, { giveBack: true });
    const agents = await Promise.all(Array.from({ length: 5 }, () => addAgent(db)));
    const given = await requestTasks(
      db,
      agents.map((agent) => ({ agent })),
    );
    expect(given.map(({ task_id }) => task_id).toSorted()).toEqual([...[1, 2, 3, 4].map((n) => taskId(id, n)), null]);
  });

  test("waits until it is due", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await failTask(db, agent, task);
    await sweepTasks(db);
    expect(await requestTask(db, await addAgent(db))).toMatchObject({ outcome: "nothing" });
    await db.sql("update corral.returns set due_at = corral.now() where task_id = $1", [task]);
    await sweepTasks(db);
    expect(await requestTask(db, await addAgent(db))).toMatchObject({ task_id: task, attempt: 2 });
  });

  test("is passed over when it is under way or done by now", async () => {
    const { id } = await addJob(db, 3);
    const { agent, task } = await claimTask(db);
    await completeTask(db, agent, task);
    const { task: running } = await claimTask(db);
    await db.sql(
      "insert into corral.returns (task_id, job_id, due_at) values ($1, $3, corral.now()), ($2, $3, corral.now())",
      [task, running, id],
    );
    await db.sql("update corral.queue set has_returns = true where job_id = $1", [id]);
    expect(await claimTask(db)).toMatchObject({ task: taskId(id, 3) });
    expect(await taskOf(db, task)).toMatchObject({ state: "COMPLETED", attempt: 1 });
    expect(await taskOf(db, running)).toMatchObject({ state: "RUNNING", attempt: 1 });
    await sweepTasks(db);
    expect(await db.sql("select from corral.returns where job_id = $1", [id])).toEqual([]);
  });
});

describe("a claim that is rolled back", () => {
  test("burns its number; the sweep hands the task out again", async () => {
    const { id } = await addJob(db, 2);
    const agent = await addAgent(db);
    const client = await db.connect();
    await client.query("begin");
    await client.query("select * from public.request_tasks($1)", [JSON.stringify([{ call: 0, agent }])]);
    await client.query("rollback");
    expect(await requestTask(db, agent)).toMatchObject({ task_id: taskId(id, 2) });
    expect(await requestTask(db, await addAgent(db))).toMatchObject({ outcome: "nothing" });
    expect(await sweepTasks(db)).toMatchObject({ burnt: 1 });
    expect(await requestTask(db, await addAgent(db))).toMatchObject({ task_id: taskId(id, 1), attempt: 1 });
    expect(await sweepTasks(db)).toMatchObject({ burnt: 0 });
  });

  test("as do numbers that a crash skipped, up to the last of all", async () => {
    const { id } = await addJob(db, 40);
    await completeTasks(db, 2);
    await db.sql("select setval(sequence, 36) from corral.queue where job_id = $1", [id]);
    expect(await claimTask(db)).toMatchObject({ task: taskId(id, 37) });
    expect(await sweepTasks(db)).toMatchObject({ burnt: 34 });
    await db.sql("select setval(sequence, 69) from corral.queue where job_id = $1", [id]);
    expect(await sweepTasks(db)).toMatchObject({ burnt: 3 });
    const agents = await Promise.all(Array.from({ length: 38 }, () => addAgent(db)));
    const given = await requestTasks(
      db,
      agents.map((agent) => ({ agent })),
    );
    expect(given.map(({ outcome }) => outcome)).toEqual([...Array(37).fill("assigned"), "nothing"]);
    expect(new Set(given.map(({ task_id }) => task_id)).size).toBe(38);
  });
});
