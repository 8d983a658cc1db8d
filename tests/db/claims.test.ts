import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import {
  addAgent,
  addJob,
  beat,
  cancelAllJobs,
  claimTask,
  completeTask,
  completeTasks,
  controlJob,
  failTask,
  hashOf,
  jobOf,
  openEnrollment,
  requestTask,
  requestTasks,
  sweepTasks,
  taskId,
  taskOf,
} from "./fleet-scene.ts";
import { addUser, call, firstOf, secondsBetween } from "./scene.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
  await openEnrollment(db);
});
afterAll(() => db.drop());
beforeEach(() => cancelAllJobs(db));

const lanes = () => call<number>(db, "(select lanes from corral.swarms where name = 'default')");
const queueOf = async (job: number) => firstOf(await db.sql("select * from corral.queue where job_id = $1", [job]));
const silence = (agent: string, seconds: number) =>
  db.sql("update corral.agents set last_seen_at = corral.now() - make_interval(secs => $2) where id = $1", [
    agent,
    seconds,
  ]);
const lastSeen = (agent: string) => call<Date>(db, "(select last_seen_at from corral.agents where id = $1)", [agent]);
const swarmToken = (swarm: string) => call<string>(db, "corral.issue_swarm_token($1)", [swarm]);

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
    const token = await swarmToken("north");
    const { id } = await addJob(db, 1, { swarm: "north" });
    expect(await requestTask(db, await addAgent(db))).toMatchObject({ outcome: "nothing" });
    const inside = await addAgent(db, { token });
    expect(await requestTask(db, inside, { token: hashOf(inside) })).toMatchObject({ job_id: `${id}` });
  });

  test("keeps its agents from the tasks of others", async () => {
    await addJob(db, 1);
    const inside = await addAgent(db, { token: await swarmToken("north") });
    expect(await requestTask(db, inside, { token: hashOf(inside) })).toMatchObject({ outcome: "nothing" });
  });

  test("of several, each serves its own agents in one statement", async () => {
    const token = await swarmToken("north");
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

describe("who asks", () => {
  test("is told alone that he is not known or not let in; the others get their tasks", async () => {
    await addJob(db, 2);
    const guarded = await addAgent(db, { token: await swarmToken("default") });
    const given = await requestTasks(db, [
      { agent: await addAgent(db) },
      { agent: "nobody" },
      { agent: guarded },
      { agent: guarded, token: hashOf("wrong") },
      { agent: guarded, token: hashOf(guarded) },
    ]);
    expect(given.map(({ outcome }) => outcome)).toEqual([
      "assigned",
      "agent_not_found",
      "unauthorized",
      "unauthorized",
      "assigned",
    ]);
    expect(given.slice(1, 4).map(({ task_id, chunk }) => [task_id, chunk])).toEqual(Array(3).fill([null, null]));
  });

  test("learns when to come back: at once with a task, else after about ten seconds, later the larger the fleet", async () => {
    await addJob(db, 1);
    expect(await requestTask(db, await addAgent(db))).toMatchObject({ outcome: "assigned", poll_after_seconds: 0 });
    const wait = async () => Number((await requestTask(db, await addAgent(db))).poll_after_seconds);
    const waits = [await wait(), await wait(), await wait()];
    for (const seconds of waits) {
      expect(seconds).toBeGreaterThanOrEqual(8);
      expect(seconds).toBeLessThanOrEqual(12);
    }
    expect(new Set(waits).size).toBe(3);
    await db.sql("update corral.fleet set online = 100000");
    expect(await wait()).toBeGreaterThanOrEqual(1600);
    await db.sql("update corral.fleet set online = 0");
  });

  test("is noted as seen, unless he was a moment ago", async () => {
    const agent = await addAgent(db);
    await silence(agent, 1);
    const before = await lastSeen(agent);
    await requestTask(db, agent);
    expect(await lastSeen(agent)).toEqual(before);
    await silence(agent, 4);
    await requestTask(db, agent);
    expect(secondsBetween(before, await lastSeen(agent))).toBeGreaterThan(0.9);
  });

  test("is noted as seen after a third of the interval that he declared", async () => {
    const agent = await addAgent(db, { interval: 60 });
    await silence(agent, 19);
    const before = await lastSeen(agent);
    await requestTask(db, agent);
    expect(await lastSeen(agent)).toEqual(before);
    await silence(agent, 21);
    await requestTask(db, agent);
    expect(secondsBetween(before, await lastSeen(agent))).toBeGreaterThan(18);
  });

  test("is noted with what he is told to wait when that has grown", async () => {
    const agent = await addAgent(db);
    await db.sql("update corral.fleet set online = 100000");
    await requestTask(db, agent);
    await db.sql("update corral.fleet set online = 0");
    expect(await call(db, "(select poll_after_seconds > 1000 from corral.agents where id = $1)", [agent])).toBe(true);
  });

  test("is not noted when he may not ask", async () => {
    const agent = await addAgent(db, { token: await swarmToken("default") });
    await silence(agent, 100);
    const before = await lastSeen(agent);
    await requestTask(db, agent);
    expect(await lastSeen(agent)).toEqual(before);
  });
});

describe("asking again", () => {
  test("with the same request id gives the same task, as the same attempt", async () => {
    await addJob(db, 3);
    const agent = await addAgent(db);
    const { task_id } = await requestTask(db, agent, { request_id: "a" });
    expect(await requestTask(db, agent, { request_id: "a" })).toMatchObject({ task_id, attempt: 1 });
    expect((await requestTask(db, agent, { request_id: "b" })).task_id).not.toBe(task_id);
    expect(await requestTask(db, agent, { request_id: "a" })).toMatchObject({ task_id, attempt: 1 });
  });

  test("with the same request id in the same statement gives the same task", async () => {
    await addJob(db, 3);
    const agent = await addAgent(db);
    const given = await requestTasks(db, [
      { agent, request_id: "a" },
      { agent, request_id: "a" },
    ]);
    expect(new Set(given.map(({ task_id }) => task_id)).size).toBe(1);
    expect(given.map(({ outcome }) => outcome)).toEqual(["assigned", "assigned"]);
  });

  test("without one gives back whatever the agent holds", async () => {
    await addJob(db, 3);
    const agent = await addAgent(db);
    const { task_id } = await requestTask(db, agent, { request_id: "a" });
    expect(await requestTask(db, agent)).toMatchObject({ outcome: "assigned", task_id, attempt: 1 });
    await completeTask(db, agent, task_id);
    expect((await requestTask(db, agent)).task_id).not.toBe(task_id);
  });

  test("is no way to another agent's task", async () => {
    await addJob(db, 3);
    const { task_id } = await requestTask(db, await addAgent(db), { request_id: "shared" });
    expect((await requestTask(db, await addAgent(db), { request_id: "shared" })).task_id).not.toBe(task_id);
  });

  test("gives the task back while the job is paused, and nothing once it is cancelled", async () => {
    const { id } = await addJob(db, 3);
    const { agent, task } = await claimTask(db);
    await controlJob(db, id, "pause");
    expect(await requestTask(db, agent)).toMatchObject({ task_id: task });
    await controlJob(db, id, "cancel");
    expect(await requestTask(db, agent)).toMatchObject({ outcome: "nothing", task_id: null });
  });

  test("tells a lease that lasts from now, no longer than the task's time", async () => {
    await addJob(db, 1, { task_timeout_seconds: 100 });
    const { agent, task } = await claimTask(db, { interval: 10 });
    await db.sql("update corral.tasks set claimed_at = claimed_at - interval '60 seconds' where id = $1", [task]);
    const { lease_expires_at, server_time } = await requestTask(db, agent);
    const seconds = secondsBetween(server_time as Date, lease_expires_at);
    expect(seconds).toBeGreaterThan(26);
    expect(seconds).toBeLessThanOrEqual(30);
    await db.sql("update corral.tasks set claimed_at = claimed_at - interval '30 seconds' where id = $1", [task]);
    const later = await requestTask(db, agent);
    expect(secondsBetween(later.server_time as Date, later.lease_expires_at)).toBeLessThan(11);
  });
});

describe("an assignment", () => {
  test("tells all that the agent needs", async () => {
    const { id } = await addJob(db, 1, {
      code_url: "https://example.com/train.py",
      requirements_url: "gs://bucket/requirements.txt",
      task_timeout_seconds: 77,
    });
    const given = await requestTask(db, await addAgent(db));
    expect(given).toMatchObject({
      outcome: "assigned",
      task_id: taskId(id, 1),
      job_id: `${id}`,
      attempt: 1,
      chunk: `gs://bucket/jobs/${id}/chunks/1.csv`,
      code_url: "https://example.com/train.py",
      requirements_url: "gs://bucket/requirements.txt",
      task_timeout_seconds: 77,
    });
    expect(secondsBetween(given.server_time as Date, given.lease_expires_at)).toBe(77);
  });

  test("lasts three intervals for an agent that beats, unless the task's time is shorter", async () => {
    await addJob(db, 2, { task_timeout_seconds: 77 });
    const leaseOf = async (interval: number) => {
      const { server_time, lease_expires_at } = await requestTask(db, await addAgent(db, { interval }));
      return Math.round(secondsBetween(server_time as Date, lease_expires_at));
    };
    expect([await leaseOf(5), await leaseOf(60)]).toEqual([15, 77]);
  });

  test("starts afresh what the attempt before had noted", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await db.sql("select public.report_task_progress($1, $2, p_progress => 0.5, p_message => 'half')", [agent, task]);
    await failTask(db, agent, task, { giveBack: true });
    await claimTask(db);
    expect(await taskOf(db, task)).toMatchObject({ attempt: 2, progress: null, message: null });
  });
});

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
    expect((await queueOf(id)).has_returns).toBe(true);
    expect(await claimTask(db)).toMatchObject({ task: taskId(id, 4) });
    expect((await queueOf(id)).has_returns).toBe(false);
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
    expect((await queueOf(id)).has_tickets).toBe(false);
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

describe("any call", () => {
  test("of an agent that was shown OFFLINE is answered as if nothing had been", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await silence(agent, 1000);
    expect(await beat(db, agent)).toMatchObject({ outcome: "seen" });
    expect(await completeTask(db, agent, task)).toMatchObject({ outcome: "completed" });
  });
});
