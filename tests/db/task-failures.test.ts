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
  jobOf,
  openEnrollment,
  requestTask,
  settleJob,
  sweepTasks,
  taskId,
  taskOf,
} from "./fleet-scene.ts";
import { call, firstOf, secondsBetween } from "./scene.ts";
import { startBlocked } from "./wait-for-lock.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
  await openEnrollment(db);
});
afterAll(() => db.drop());
beforeEach(() => cancelAllJobs(db));

const returnsOf = (job: number) =>
  db.sql<{ task_id: string; due_at: Date }>("select task_id, due_at from corral.returns where job_id = $1", [job]);
const lettersOf = (job: number) => db.sql("select task_id from corral.dead_letters where job_id = $1", [job]);
const hasReturns = (job: number) => call(db, "(select has_returns from corral.queue where job_id = $1)", [job]);
const makeDue = async (task: unknown) => {
  await db.sql("update corral.returns set due_at = corral.now() where task_id = $1", [task]);
  await sweepTasks(db);
};

/** Lets a task fail so many times, each in the hands of another agent. */
async function failTimes(task: string, count: number): Promise<Row[]> {
  const answers = [];
  for (let i = 1; i <= count; i++) {
    const agent = await addAgent(db);
    const { task_id, attempt } = await requestTask(db, agent);
    expect(task_id).toBe(task);
    answers.push(await failTask(db, agent, task, { attempt: attempt ?? 0, reason: `Failure ${attempt}` }));
    await makeDue(task);
  }
  return answers;
}

describe("a task that fails", () => {
  test("is tried again after a pause, and the reason is kept", async () => {
    const { id } = await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    const answer = await failTask(db, agent, task, { reason: "CUDA out of memory" });
    expect(answer).toMatchObject({ outcome: "retrying", job_id: `${id}`, settle: false, poll_after_seconds: 0 });
    expect(await taskOf(db, task)).toMatchObject({ state: "PENDING", failures: 1, attempt: 1, agent_id: null });
    const { due_at } = firstOf(await returnsOf(id));
    const pause = secondsBetween(answer.server_time as Date, due_at);
    expect(pause).toBeGreaterThanOrEqual(5);
    expect(pause).toBeLessThanOrEqual(10);
    expect((await jobOf(db, id)).failures).toMatchObject([
      { task_id: Number(task), attempt: 1, reason: "CUDA out of memory" },
    ]);
    expect(await lettersOf(id)).toEqual([]);
  });

  test("waits longer each time", async () => {
    const { id } = await addJob(db, 1, { max_attempts: 9 });
    await failTimes(taskId(id, 1), 3);
    const { agent, task } = await claimTask(db);
    const { server_time } = await failTask(db, agent, task);
    const { due_at } = firstOf(await returnsOf(id));
    expect(secondsBetween(server_time as Date, due_at)).toBeGreaterThanOrEqual(40);
  });

  test("gives up at the attempts that its job allows, and is a dead letter with all its reasons", async () => {
    const { id } = await addJob(db, 1, { max_attempts: 3 });
    const answers = await failTimes(taskId(id, 1), 3);
    expect(answers.map(({ outcome, settle }) => [outcome, settle])).toEqual([
      ["retrying", false],
      ["retrying", false],
      ["failed", true],
    ]);
    const row = await taskOf(db, taskId(id, 1));
    expect(row).toMatchObject({ state: "FAILED", failures: 3 });
    expect(row.reasons).toMatchObject([1, 2, 3].map((attempt) => ({ attempt, reason: `Failure ${attempt}` })));
    expect(row.finished_at).toBeInstanceOf(Date);
    expect(await lettersOf(id)).toEqual([{ task_id: taskId(id, 1) }]);
    expect(await returnsOf(id)).toEqual([]);
  });

  test("gives up at once when it says that it is beyond help", async () => {
    const { id } = await addJob(db, 2);
    const { agent, task } = await claimTask(db);
    expect(await failTask(db, agent, task, { retryable: false })).toMatchObject({ outcome: "failed", settle: false });
    expect(await lettersOf(id)).toEqual([{ task_id: task }]);
  });

  test("keeps its newest ten reasons, each cut off where it gets long", async () => {
    const { id } = await addJob(db, 1, { max_attempts: 12 });
    await failTimes(taskId(id, 1), 11);
    const { agent, task } = await claimTask(db);
    await failTask(db, agent, task, { reason: "x".repeat(5000) });
    const { state, reasons } = await taskOf(db, task);
    const kept = reasons as { attempt: number; reason: string }[];
    expect(state).toBe("FAILED");
    expect(kept.map(({ attempt }) => attempt)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(kept.at(-1)?.reason).toHaveLength(2000);
  });

  test("for good is answered so again, with its attempt or without", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await failTask(db, agent, task, { retryable: false });
    for (const attempt of [1, undefined]) {
      expect(await failTask(db, agent, task, { attempt })).toMatchObject({ outcome: "failed", settle: false });
    }
    expect((await taskOf(db, task)).reasons).toHaveLength(1);
    expect(await failTask(db, await addAgent(db), task, { attempt: 1 })).toMatchObject({
      outcome: "task_not_assigned",
    });
  });
});

describe("a task that is given back", () => {
  test("is no failure, and due at once", async () => {
    const { id } = await addJob(db, 2, { max_attempts: 1 });
    const { agent, task } = await claimTask(db);
    expect(await failTask(db, agent, task, { giveBack: true })).toMatchObject({ outcome: "returned", settle: false });
    expect(await taskOf(db, task)).toMatchObject({ state: "PENDING", failures: 0, agent_id: null });
    expect((await jobOf(db, id)).failures).toEqual([]);
    expect(await claimTask(db)).toMatchObject({ task });
  });

  test("brings its owner's turn back when he had nothing else left", async () => {
    const { id } = await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    const lanes = () => db.sql("select from corral.lanes");
    expect(await lanes()).toHaveLength(0);
    await failTask(db, agent, task, { giveBack: true });
    expect(await lanes()).toHaveLength(1);
    expect(await hasReturns(id)).toBe(true);
  });

  test("while somebody holds its job's place in the queue is noted by the sweep", async () => {
    const { id } = await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    const client = await db.connect();
    await client.query("begin");
    await client.query("select from corral.queue where job_id = $1 for update", [id]);
    await failTask(db, agent, task, { giveBack: true });
    await client.query("commit");
    expect(await hasReturns(id)).toBe(false);
    await sweepTasks(db);
    expect(await claimTask(db)).toMatchObject({ task });
  });
});

describe("the report of a failure", () => {
  test("has the same answer again, whatever has become of the task, and counts once", async () => {
    const { id } = await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    const report = { attempt: 1, reason: "x".repeat(3000) };
    const again = () => failTask(db, agent, task, report);
    expect(await again()).toMatchObject({ outcome: "retrying" });
    expect(await again()).toMatchObject({ outcome: "retrying", settle: false });
    await makeDue(task);
    const other = await addAgent(db);
    await requestTask(db, other);
    expect(await again()).toMatchObject({ outcome: "retrying" });
    expect(await taskOf(db, task)).toMatchObject({ state: "RUNNING", failures: 1, agent_id: other, attempt: 2 });
    await completeTask(db, other, task);
    expect(await again()).toMatchObject({ outcome: "retrying" });
    expect((await jobOf(db, id)).failures).toEqual([]);
  });

  test("is another one from another agent, with another reason or attempt, or when it gives back", async () => {
    const { id } = await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    const report = { attempt: 1, reason: "loss is nan" };
    await failTask(db, agent, task, report);
    for (const [who, other] of [
      [await addAgent(db), report],
      [agent, { ...report, reason: "out of memory" }],
      [agent, { ...report, attempt: 2 }],
      [agent, { ...report, giveBack: true }],
    ] as const)
      expect(await failTask(db, who, task, other)).toMatchObject({ outcome: "stale_attempt" });
    const { failures } = await jobOf(db, id);
    expect(failures).toEqual([{ task_id: Number(task), ...report, at: expect.any(String) }]);
  });
});

describe("a failure is refused", () => {
  test("for a task that there is not", async () => {
    expect(await failTask(db, await addAgent(db), 5)).toMatchObject({ outcome: "task_not_found", job_id: null });
  });

  test("from whom does not hold the task", async () => {
    await addJob(db, 1);
    const { task } = await claimTask(db);
    expect(await failTask(db, await addAgent(db), task)).toMatchObject({ outcome: "task_not_assigned" });
    expect(await failTask(db, "nobody", task)).toMatchObject({ outcome: "agent_not_found" });
    expect(await taskOf(db, task)).toMatchObject({ state: "RUNNING", failures: 0 });
  });

  test("from an agent that does not show its token", async () => {
    await addJob(db, 1);
    const agent = await addAgent(db, { token: await call<string>(db, "corral.issue_swarm_token('default')") });
    const { task_id: task } = await requestTask(db, agent, { token: hashOf(agent) });
    expect(await failTask(db, agent, task)).toMatchObject({ outcome: "unauthorized", poll_after_seconds: 10 });
    expect(await failTask(db, agent, task, { token: hashOf(agent) })).toMatchObject({ outcome: "retrying" });
  });

  test("for an attempt that is over, however it ended", async () => {
    const { id } = await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await failTask(db, agent, task);
    const late = { attempt: 1, reason: "Another one" };
    expect(await failTask(db, agent, task, late)).toMatchObject({ outcome: "stale_attempt" });
    await makeDue(task);
    await requestTask(db, agent);
    expect(await failTask(db, agent, task, late)).toMatchObject({ outcome: "stale_attempt" });
    await completeTask(db, agent, task);
    expect(await failTask(db, agent, task)).toMatchObject({ outcome: "stale_attempt" });
    await settleJob(db, id);
    await db.sql("update corral.jobs set finished_at = finished_at - interval '1 day' where id = $1", [id]);
    await sweepTasks(db);
    expect(await failTask(db, agent, task)).toMatchObject({ outcome: "stale_attempt" });
    expect(await taskOf(db, task)).toMatchObject({ state: "COMPLETED" });
  });

  test("once the job is cancelled", async () => {
    const { id } = await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await controlJob(db, id, "cancel");
    expect(await failTask(db, agent, task)).toMatchObject({ outcome: "job_cancelled" });
    expect(await returnsOf(id)).toEqual([]);
  });

  test("when a completion came first, and comes second when one is under way", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    const client = await db.connect();
    await client.query("begin");
    await client.query("select * from public.complete_tasks($1)", [
      JSON.stringify([{ call: 0, agent, task, result_url: "gs://bucket/a.csv" }]),
    ]);
    const failure = await startBlocked(db, "select * from public.fail_task($1, $2, 'No', p_attempt => 1)", [
      agent,
      task,
    ]);
    await client.query("commit");
    expect(await failure.result).toMatchObject({ outcome: "stale_attempt" });
    expect(await taskOf(db, task)).toMatchObject({ state: "COMPLETED", failures: 0 });
  });
});

describe("retry_failed", () => {
  const retry = (job: number) => controlJob(db, job, "retry_failed");

  test("hands the dead letters of a job out again that goes on, with their patience restored", async () => {
    const { id } = await addJob(db, 3, { max_attempts: 1 });
    const { agent, task } = await claimTask(db);
    await failTask(db, agent, task);
    expect(await jobOf(db, id)).toMatchObject({ failed_subtasks: 1, pending_subtasks: 2 });
    expect(await retry(id)).toMatchObject({ outcome: "done", status: "RUNNING", tasks: 1 });
    expect(await jobOf(db, id)).toMatchObject({ failed_subtasks: 0, pending_subtasks: 3 });
    expect(await taskOf(db, task)).toMatchObject({ state: "PENDING", failures: 0, agent_id: null, finished_at: null });
    expect(await lettersOf(id)).toEqual([]);
    expect(await claimTask(db)).toMatchObject({ task });
    expect(await retry(id)).toMatchObject({ outcome: "unchanged", tasks: 0 });
  });

  test("reopens a job that failed of them, whose counts stay true to its end", async () => {
    const { id, owner } = await addJob(db, 3, { max_attempts: 1 });
    for (const fails of [true, false, true]) {
      const { agent, task } = await claimTask(db);
      await (fails ? failTask(db, agent, task) : completeTask(db, agent, task));
    }
    expect(await settleJob(db, id)).toBe(true);
    expect(await jobOf(db, id)).toMatchObject({
      status: "FAILED",
      error_code: "tasks_failed",
      completed_subtasks: 1,
      failed_subtasks: 2,
    });
    expect(await retry(id)).toMatchObject({ outcome: "done", status: "RUNNING", tasks: 2 });
    expect(await jobOf(db, id)).toMatchObject({
      error_code: null,
      error_message: null,
      finished_at: null,
      failed_subtasks: 0,
      pending_subtasks: 2,
    });
    expect(await settleJob(db, id)).toBe(false);
    expect(await call(db, "(select lane_key from corral.lanes where lane_key = $1)", [owner])).toBe(owner);
    for (const number of [1, 3]) {
      const { agent, task } = await claimTask(db);
      expect(task).toBe(taskId(id, number));
      expect(await completeTask(db, agent, task)).toMatchObject({ outcome: "completed", settle: true });
    }
    expect(await settleJob(db, id)).toBe(true);
    expect(await jobOf(db, id)).toMatchObject({ status: "COMPLETED", completed_subtasks: 3, failed_subtasks: 0 });
  });

  test("can be done again and again", async () => {
    const { id } = await addJob(db, 1, { max_attempts: 1 });
    for (let i = 1; i <= 3; i++) {
      const { agent, task } = await claimTask(db);
      await failTask(db, agent, task);
      expect(await sweepTasks(db)).toMatchObject({ settled: 1 });
      expect(await jobOf(db, id)).toMatchObject({ status: "FAILED", failed_subtasks: 1 });
      expect(await retry(id)).toMatchObject({ outcome: "done", tasks: 1 });
    }
    expect((await jobOf(db, id)).failures).toHaveLength(3);
  });

  test("does nothing to a job that is over otherwise, nor where nothing failed", async () => {
    const done = await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await completeTask(db, agent, task);
    expect(await retry(done.id)).toMatchObject({ outcome: "unchanged", status: "RUNNING", tasks: 0 });
    await settleJob(db, done.id);
    expect(await retry(done.id)).toMatchObject({ outcome: "job_over", status: "COMPLETED", tasks: 0 });
    const gone = await addJob(db, 2, { max_attempts: 1 });
    const held = await claimTask(db);
    await failTask(db, held.agent, held.task);
    await controlJob(db, gone.id, "cancel");
    expect(await retry(gone.id)).toMatchObject({ outcome: "job_over", status: "CANCELLED", tasks: 0 });
    expect(await taskOf(db, held.task)).toMatchObject({ state: "FAILED" });
  });

  test("gives an owner his turn back at once when he had nothing else left", async () => {
    const { id } = await addJob(db, 2, { max_attempts: 1 });
    const { agent, task } = await claimTask(db);
    await claimTask(db);
    await failTask(db, agent, task);
    await addJob(db, 1);
    await claimTask(db);
    expect(await requestTask(db, await addAgent(db))).toMatchObject({ outcome: "nothing" });
    expect(await retry(id)).toMatchObject({ outcome: "done", tasks: 1 });
    expect(await claimTask(db)).toMatchObject({ task });
  });

  test("keeps the counts true, whether the sweep has seen the tasks fail or not", async () => {
    const { id } = await addJob(db, 4, { max_attempts: 1 });
    const [one, two] = [await claimTask(db), await claimTask(db)];
    await failTask(db, one.agent, one.task);
    // Of the first it has counted the failure, the second it watches, the third it has not looked at.
    await sweepTasks(db);
    await failTask(db, two.agent, two.task);
    const three = await claimTask(db);
    await failTask(db, three.agent, three.task);
    expect(await retry(id)).toMatchObject({ outcome: "done", tasks: 3 });
    const expected = { failed_subtasks: 0, completed_subtasks: 0, running_subtasks: 0, pending_subtasks: 4 };
    expect(await jobOf(db, id)).toMatchObject(expected);
    await sweepTasks(db);
    expect(await jobOf(db, id)).toMatchObject(expected);
    for (let i = 0; i < 4; i++) {
      const { agent, task } = await claimTask(db);
      await completeTask(db, agent, task);
    }
    await settleJob(db, id);
    expect(await jobOf(db, id)).toMatchObject({ status: "COMPLETED", completed_subtasks: 4, failed_subtasks: 0 });
  });
});
