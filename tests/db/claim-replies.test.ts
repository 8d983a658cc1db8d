import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import {
  addAgent,
  addJob,
  beat,
  cancelAllJobs,
  claimTask,
  completeTask,
  controlJob,
  failTask,
  hashOf,
  issueSwarmToken,
  numbered,
  openEnrollment,
  requestTask,
  requestTasks,
  silenceAgent,
  taskId,
  taskOf,
} from "./fleet-scene.ts";
import { call, secondsBetween } from "./scene.ts";
import { startBlocked } from "./wait-for-lock.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
  await openEnrollment(db);
});
afterAll(() => db.drop());
beforeEach(() => cancelAllJobs(db));

const lastSeen = (agent: string) => call<Date>(db, "(select last_seen_at from corral.agents where id = $1)", [agent]);

/** An agent that beats once a minute. */
async function agentSilentFor(seconds: number): Promise<string> {
  const agent = await addAgent(db, { interval: 60 });
  await silenceAgent(db, agent, seconds);
  return agent;
}

describe("who asks", () => {
  test("is told alone that he is not known or not let in; the others get their tasks", async () => {
    await addJob(db, 2);
    const guarded = await addAgent(db, { token: await issueSwarmToken(db, "default") });
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
    await silenceAgent(db, agent, 1);
    const before = await lastSeen(agent);
    await requestTask(db, agent);
    expect(await lastSeen(agent)).toEqual(before);
    await silenceAgent(db, agent, 4);
    await requestTask(db, agent);
    expect(secondsBetween(before, await lastSeen(agent))).toBeGreaterThan(0.9);
  });

  test("is noted as seen after a third of the interval that he declared", async () => {
    const agent = await addAgent(db, { interval: 60 });
    await silenceAgent(db, agent, 19);
    const before = await lastSeen(agent);
    await requestTask(db, agent);
    expect(await lastSeen(agent)).toEqual(before);
    await silenceAgent(db, agent, 21);
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
    const agent = await addAgent(db, { token: await issueSwarmToken(db, "default") });
    await silenceAgent(db, agent, 100);
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

  test("while the first call is under way waits for it, and gives the same task", async () => {
    await addJob(db, 3);
    const agent = await addAgent(db);
    const ask = "select task_id from public.request_tasks($1)";
    const first = await db.connect();
    await first.query("begin");
    const { rows } = await first.query(ask, [numbered([{ agent }])]);
    const { result } = await startBlocked(db, ask, [numbered([{ agent }])]);
    await first.query("commit");
    expect([await result]).toEqual(rows);
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

  test("lasts from when its agent was last noted, which one that was seen long ago is now", async () => {
    await addJob(db, 4);
    const agents = await Promise.all([10, 40, 10, 40].map((seconds) => agentSilentFor(seconds)));
    const [recent, silent, ...others] = agents.map((agent) => ({ agent }));
    const alone = [recent, silent].map(async (call) => requestTasks(db, [call ?? {}]));
    const together = requestTasks(db, others);
    const given = (await Promise.all([...alone, together])).flat();
    const leases = given.map(({ server_time, lease_expires_at }) =>
      secondsBetween(server_time as Date, lease_expires_at),
    );
    expect(leases.map((seconds) => Math.round(seconds / 10) * 10)).toEqual([170, 180, 170, 180]);
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

describe("any call", () => {
  test("of an agent that was shown OFFLINE is answered as if nothing had been", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await silenceAgent(db, agent, 1000);
    expect(await beat(db, agent)).toMatchObject({ outcome: "seen" });
    expect(await completeTask(db, agent, task)).toMatchObject({ outcome: "completed" });
  });
});
