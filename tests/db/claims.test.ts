import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import {
  addAgent,
  addJob,
  cancelAllJobs,
  claimTask,
  completeTask,
  controlJob,
  failTask,
  hashOf,
  issueSwarmToken,
  jobOf,
  openEnrollment,
  queueOf,
  requestTask,
  requestTasks,
  sweepTasks,
  taskId,
  taskOf,
} from "./fleet-scene.ts";
import { addUser, call, firstOf } from "./scene.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
  await openEnrollment(db);
});
afterAll(() => db.drop());
beforeEach(() => cancelAllJobs(db));

const lanes = () => call<number>(db, "(select lanes from corral.swarms where name = 'default')");

/** Which jobs so many claims of new agents are from. */
async function drawJobs(count: number): Promise<(string | null)[]> {
  const jobs = [];
  for (let i = 0; i < count; i++) jobs.push((await requestTask(db, await addAgent(db))).job_id);
  return jobs;
}

describe("request_tasks", () => {
  test("hands out a job's tasks in order, each once, and then nothing", async () => {
    const job = await addJob(db, 3);
    const agents = await Promise.all([1, 2, 3, 4].map(() => addAgent(db)));
    const given = [];
    for (const agent of agents) given.push(await requestTask(db, agent));
    expect(given.map(({ outcome, task_id }) => [outcome, task_id])).toEqual([
      ["assigned", `${job.id * 1e7 + 1}`],
      ["assigned", `${job.id * 1e7 + 2}`],
      ["assigned", `${job.id * 1e7 + 3}`],
      ["nothing", null],
    ]);
    expect(given[0]).toMatchObject({ attempt: 1, job_id: `${job.id}`, code_url: "https://example.com/train.py" });
    for (const [index, { task_id }] of given.slice(0, 3).entries()) {
      expect(await completeTask(db, agents[index] ?? "", task_id)).toMatchObject({
        outcome: "completed",
        settle: true,
      });
    }
    expect(await jobOf(db, job.id)).toMatchObject({ status: "RUNNING", completed_subtasks: 3, pending_subtasks: 0 });
    await db.sql("select public.settle_job($1)", [job.id]);
    expect(await jobOf(db, job.id)).toMatchObject({ status: "COMPLETED", completed_subtasks: 3, total_subtasks: 3 });
  });

  test("gives all who ask in one statement a task of their own", async () => {
    const job = await addJob(db, 5);
    const agents = await Promise.all([1, 2, 3, 4, 5, 6].map(() => addAgent(db)));
    const given = await requestTasks(
      db,
      agents.map((agent) => ({ agent })),
    );
    expect(given.map(({ outcome }) => outcome)).toEqual([...Array(5).fill("assigned"), "nothing"]);
    expect(new Set(given.slice(0, 5).map(({ task_id }) => task_id)).size).toBe(5);
    expect(given[0]?.job_id).toBe(`${job.id}`);
  });

  test("serves an owner with one task beside one with thousands in his turn", async () => {
    const big = await addJob(db, 2000);
    const small = await addJob(db, 1, { user_id: await addUser(db) });
    const jobs = [];
    for (let i = 0; i < 4; i++) jobs.push((await requestTask(db, await addAgent(db))).job_id);
    expect(jobs.slice(0, 2)).toContain(`${small.id}`);
    expect(jobs.filter((job) => job === `${big.id}`)).toHaveLength(3);
    const lanes = await db.sql("select lanes from corral.swarms where name = 'default'");
    expect(firstOf(lanes)).toEqual({ lanes: 1 });
  });
});

describe("whose turn it is", () => {
  test("goes round among the owners, however many jobs and tasks each has", async () => {
    const ann = await addUser(db);
    const jobs = [
      await addJob(db, 50, { user_id: ann }),
      await addJob(db, 50, { user_id: ann }),
      await addJob(db, 50),
      await addJob(db, 2),
    ];
    const owners = new Map(jobs.map(({ id, owner }) => [`${id}`, owner]));
    const drawn = (await drawJobs(9)).map((job) => owners.get(job ?? ""));
    expect(drawn.slice(0, 3).toSorted()).toEqual(drawn.slice(3, 6).toSorted());
    expect(new Set(drawn.slice(0, 6)).size).toBe(3);
    // The last one's two are gone by now.
    expect(new Set(drawn.slice(6)).size).toBe(2);
  });

  test("is not lost to an owner whose tasks came back", async () => {
    const back = await addJob(db, 10);
    const held = [await claimTask(db), await claimTask(db), await claimTask(db), await claimTask(db)];
    for (const { agent, task } of held) await failTask(db, agent, task, { giveBack: true });
    const other = await addJob(db, 50);
    const drawn = await drawJobs(8);
    expect(drawn.filter((job) => job === `${back.id}`)).toHaveLength(4);
    expect(drawn.filter((job) => job === `${other.id}`)).toHaveLength(4);
  });

  test("goes round within one statement too", async () => {
    const big = await addJob(db, 100);
    const small = await addJob(db, 3);
    const agents = await Promise.all(Array.from({ length: 8 }, () => addAgent(db)));
    const given = await requestTasks(
      db,
      agents.map((agent) => ({ agent })),
    );
    expect(given.filter(({ job_id }) => job_id === `${small.id}`)).toHaveLength(3);
    expect(given.filter(({ job_id }) => job_id === `${big.id}`)).toHaveLength(5);
  });

  test("comes for an owner's jobs by priority, and among equals for the oldest", async () => {
    const { id: second, owner } = await addJob(db, 1);
    const { id: third } = await addJob(db, 1, { user_id: owner });
    const { id: first } = await addJob(db, 1, { user_id: owner, priority: 1 });
    const { id: last } = await addJob(db, 1, { user_id: owner, priority: -1 });
    expect(await drawJobs(5)).toEqual([`${first}`, `${second}`, `${third}`, `${last}`, null]);
  });

  test("comes for jobs without an owner as if they had one together", async () => {
    await addJob(db, 9, { user_id: null });
    await addJob(db, 9, { user_id: null });
    const { id } = await addJob(db, 9);
    expect(await lanes()).toBe(2);
    expect((await drawJobs(6)).filter((job) => job === `${id}`)).toHaveLength(3);
  });

  test("never comes for whoever has nothing left, and comes again with new work", async () => {
    const { owner } = await addJob(db, 1);
    expect(await lanes()).toBe(1);
    await drawJobs(1);
    expect(await lanes()).toBe(0);
    await addJob(db, 1, { user_id: owner });
    expect(await lanes()).toBe(1);
  });
});

describe("a swarm", () => {
  test("keeps its tasks to its agents", async () => {
    const token = await issueSwarmToken(db, "north");
    const { id } = await addJob(db, 1, { swarm: "north" });
    expect(await requestTask(db, await addAgent(db))).toMatchObject({ outcome: "nothing" });
    const inside = await addAgent(db, { token });
    expect(await requestTask(db, inside, { token: hashOf(inside) })).toMatchObject({ job_id: `${id}` });
  });

  test("keeps its agents from the tasks of others", async () => {
    await addJob(db, 1);
    const inside = await addAgent(db, { token: await issueSwarmToken(db, "north") });
    expect(await requestTask(db, inside, { token: hashOf(inside) })).toMatchObject({ outcome: "nothing" });
  });

  test("of several, each serves its own agents in one statement", async () => {
    const token = await issueSwarmToken(db, "north");
    const jobs = [await addJob(db, 2), await addJob(db, 2, { swarm: "north" })];
    const agents = [
      await addAgent(db),
      await addAgent(db, { token }),
      await addAgent(db),
      await addAgent(db, { token }),
    ];
    const given = await requestTasks(
      db,
      agents.map((agent, index) => ({ agent, token: index % 2 === 1 ? hashOf(agent) : null })),
    );
    expect(given.map(({ job_id }) => Number(job_id))).toEqual([jobs[0]?.id, jobs[1]?.id, jobs[0]?.id, jobs[1]?.id]);
  });
});

describe("a job", () => {
  test("that is paused hands out nothing until it is resumed", async () => {
    const { id } = await addJob(db, 2);
    await controlJob(db, id, "pause");
    expect(await lanes()).toBe(0);
    expect(await requestTask(db, await addAgent(db))).toMatchObject({ outcome: "nothing" });
    await controlJob(db, id, "resume");
    expect(await requestTask(db, await addAgent(db))).toMatchObject({ outcome: "assigned" });
  });

  test("that is paused lets its owner's others go on", async () => {
    const { id, owner } = await addJob(db, 2);
    const other = await addJob(db, 1, { user_id: owner });
    await controlJob(db, id, "pause");
    expect(await drawJobs(2)).toEqual([`${other.id}`, null]);
  });
});

describe("a claim waits for nobody", () => {
  const claimUnder = async (lock: string, params: unknown[]) => {
    const agents = [await addAgent(db), await addAgent(db), await addAgent(db)];
    const client = await db.connect();
    await client.query("begin");
    await client.query(lock, params);
    const given = [];
    for (const agent of agents) given.push((await requestTask(db, agent)).job_id);
    await client.query("commit");
    return given;
  };

  test.each([
    ["the job's row in the queue", "select from corral.queue where job_id = $1 for update"],
    ["the swarm", "select from corral.swarms where $1::bigint is not null for update"],
    ["the job", "select from corral.jobs where id = $1 for update"],
    ["the agents", "select from corral.agents where $1::bigint is not null for update"],
  ])("who holds %s, and the sweep puts right what it left", async (_, lock) => {
    const { id } = await addJob(db, 2);
    expect(await claimUnder(lock, [id])).toEqual([`${id}`, `${id}`, null]);
    await sweepTasks(db);
    expect(await lanes()).toBe(0);
    expect((await queueOf(db, id)).has_tickets).toBe(false);
  });

  test("who holds a task that came back: it takes the next", async () => {
    const { id } = await addJob(db, 3);
    const { agent, task } = await claimTask(db);
    await failTask(db, agent, task, { giveBack: true });
    const client = await db.connect();
    await client.query("begin");
    await client.query("select from corral.returns where task_id = $1 for update", [task]);
    expect(await claimTask(db)).toMatchObject({ task: taskId(id, 2) });
    await client.query("commit");
    expect(await claimTask(db)).toMatchObject({ task });
  });

  test("nor for whom it drew the same task with: one of them has it, the other takes the next", async () => {
    const { id } = await addJob(db, 2);
    const client = await db.connect();
    const agent = await addAgent(db);
    await client.query("begin");
    await client.query("select * from public.request_tasks($1)", [JSON.stringify([{ call: 0, agent }])]);
    // The sweep takes the number for burnt, since the claim has not committed.
    expect(await sweepTasks(db)).toMatchObject({ burnt: 1 });
    expect(await requestTask(db, await addAgent(db))).toMatchObject({ task_id: taskId(id, 2) });
    await client.query("commit");
    expect(await taskOf(db, taskId(id, 1))).toMatchObject({ agent_id: agent, attempt: 1 });
  });

  test("not even with several calls that draw what others hold", async () => {
    const { id } = await addJob(db, 4);
    const client = await db.connect();
    await client.query("begin");
    await client.query("select from corral.tasks where id = $1 for update", [taskId(id, 2)]);
    const agents = await Promise.all([1, 2, 3].map(() => addAgent(db)));
    const given = await requestTasks(
      db,
      agents.map((agent) => ({ agent })),
    );
    expect(given.map(({ task_id }) => task_id).sort()).toEqual([1, 3, 4].map((number) => taskId(id, number)));
    await client.query("rollback");
    expect(await sweepTasks(db)).toMatchObject({ burnt: 1 });
  });
});
