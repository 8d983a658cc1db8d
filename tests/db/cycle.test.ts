import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import {
  addAgent,
  addJob,
  cancelAllJobs,
  claimTask,
  controlJob,
  cycleAgents,
  hashOf,
  openEnrollment,
  taskId,
  taskOf,
} from "./fleet-scene.ts";
import { call, firstOf } from "./scene.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
  await openEnrollment(db);
});
afterAll(() => db.drop());
beforeEach(() => cancelAllJobs(db));

const cycle = async (agent: string, said: Record<string, unknown>) =>
  firstOf(await cycleAgents(db, [{ agent, status: "IDLE", ...said }]));
const statusOf = (agent: string) => call(db, "(select status from corral.agents where id = $1)", [agent]);

describe("a cycle", () => {
  test("completes a task, beats, and claims the next", async () => {
    const { id } = await addJob(db, 2);
    const { agent, task } = await claimTask(db);
    const answer = await cycle(agent, {
      status: "WORKING",
      tasks: [{ task, attempt: 1 }],
      complete: { task, attempt: 1, result_url: "gs://bucket/r.csv", rows: 3 },
      claim: true,
      request_id: "next",
    });
    expect(answer).toMatchObject({
      heartbeat: "seen",
      stop: [task],
      completion: "completed",
      completed_job_id: `${id}`,
      settle: false,
      outcome: "assigned",
      task_id: taskId(id, 2),
      job_id: `${id}`,
      attempt: 1,
      task_timeout_seconds: 3600,
      chunk: `gs://bucket/jobs/${id}/chunks/2.csv`,
      code_url: "https://example.com/train.py",
      requirements_url: null,
      poll_after_seconds: 0,
    });
    expect(answer.lease_expires_at).toBeInstanceOf(Date);
    expect(answer.server_time).toBeInstanceOf(Date);
    expect(await taskOf(db, task)).toMatchObject({ state: "COMPLETED", result_rows: "3" });
    expect(await taskOf(db, taskId(id, 2))).toMatchObject({ agent_id: agent, request_id: "next" });
    expect(await statusOf(agent)).toBe("WORKING");
  });

  test("without a request id claims a new task, since the one that it completes is held no more", async () => {
    const { id } = await addJob(db, 2);
    const { agent, task } = await claimTask(db);
    const next = await cycle(agent, { complete: { task, result_url: "gs://bucket/r.csv" }, claim: true });
    expect(next).toMatchObject({ outcome: "assigned", task_id: taskId(id, 2) });
    const last = await cycle(agent, {
      complete: { task: taskId(id, 2), result_url: "gs://bucket/r.csv" },
      claim: true,
    });
    expect(last).toMatchObject({ completion: "completed", settle: true, outcome: "nothing", task_id: null });
    expect(Number(last.poll_after_seconds)).toBeGreaterThanOrEqual(8);
  });

  test.each([[false], [null], [undefined]])("that does not ask for a task (%s) gets none", async (claim) => {
    await addJob(db, 1);
    const answer = await cycle(await addAgent(db), { claim, complete: null });
    expect(answer).toMatchObject({
      heartbeat: "seen",
      completion: null,
      settle: false,
      outcome: "not_asked",
      task_id: null,
    });
    expect(Number(answer.poll_after_seconds)).toBeGreaterThanOrEqual(8);
    await claimTask(db);
  });

  test("whose completion is refused goes on all the same", async () => {
    const { id } = await addJob(db, 2);
    const { task } = await claimTask(db);
    const answer = await cycle(await addAgent(db), { complete: { task, result_url: "x" }, claim: true });
    expect(answer).toMatchObject({
      completion: "task_not_assigned",
      completed_job_id: `${id}`,
      settle: false,
      outcome: "assigned",
      task_id: taskId(id, 2),
    });
  });

  test("whose result lies where none of the task's go keeps its task, and goes on", async () => {
    const { id } = await addJob(db, 2);
    const { agent, task } = await claimTask(db);
    const complete = { task, result_url: "gs://bucket/raw/secret.zip", is_misplaced: true };
    const answer = await cycle(agent, { complete, claim: true, request_id: "next" });
    expect(answer).toMatchObject({ completion: "result_not_yours", heartbeat: "seen", task_id: taskId(id, 2) });
    expect(await taskOf(db, task)).toMatchObject({ state: "RUNNING", result_url: null });
  });

  test("learns that its job was cancelled", async () => {
    const { id } = await addJob(db, 2);
    const { agent, task } = await claimTask(db);
    await controlJob(db, id, "cancel");
    expect(await cycle(agent, { tasks: [{ task }], complete: { task, result_url: "x" }, claim: true })).toMatchObject({
      stop: [task],
      completion: "job_cancelled",
      outcome: "nothing",
    });
  });

  test("of several in one statement is each agent's own", async () => {
    const { id } = await addJob(db, 3);
    const { agent, task } = await claimTask(db);
    const guarded = await addAgent(db, { token: await call<string>(db, "corral.issue_swarm_token('default')") });
    const status = "BUSY";
    const complete = { task, result_url: "gs://bucket/r.csv" };
    const rows = await cycleAgents(db, [
      { agent: "nobody", status, complete, claim: true },
      { agent: guarded, status, complete, claim: true },
      { agent: "nobody", status },
      { agent: guarded, status, token: hashOf(guarded), claim: true },
      { agent, status, complete },
    ]);
    expect(rows.map(({ call, heartbeat, completion, outcome }) => [call, heartbeat, completion, outcome])).toEqual([
      [0, "agent_not_found", "task_not_assigned", "agent_not_found"],
      [1, "unauthorized", "unauthorized", "unauthorized"],
      [2, "agent_not_found", null, "agent_not_found"],
      [3, "seen", null, "assigned"],
      [4, "seen", "completed", "not_asked"],
    ]);
    expect(rows.map(({ task_id }) => task_id)).toEqual([null, null, null, taskId(id, 2), null]);
    expect(await statusOf(guarded)).toBe("BUSY");
  });
});
