import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
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
  openEnrollment,
  requestTasks,
  settleJob,
  sweepTasks,
} from "./fleet-scene.ts";
import { addProject, addUser, firstOf, runOf, runsOf, statusOf } from "./scene.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
  await openEnrollment(db);
});
afterAll(() => db.drop());
beforeEach(() => cancelAllJobs(db));

const rowOf = async (job: number) => firstOf(await db.sql("select * from corral.jobs where id = $1", [job]));
const messagesTo = (user: string | null) =>
  db.sql("select role, content from public.messages where user_id = $1 order by id", [user]);
const watched = async (job: number) =>
  (await db.sql<{ task_id: string }>("select task_id from corral.leases where job_id = $1 order by 1", [job])).length;

describe("a job whose tasks have all ended", () => {
  test("is complete, once, and its owner reads so", async () => {
    const { id, owner } = await addJob(db, 2);
    await completeTasks(db, 2);
    expect(await settleJob(db, id)).toBe(true);
    const row = await rowOf(id);
    expect(row).toMatchObject({ status: "COMPLETED", completed_tasks: 2, failed_tasks: 0, error_code: null });
    expect(row.finished_at).toBeInstanceOf(Date);
    expect(await settleJob(db, id)).toBe(false);
    expect(await messagesTo(owner)).toEqual([{ role: "assistant", content: 'Job "Rain" is done.' }]);
    expect(await findQueueFaults(db)).toEqual([]);
  });

  test("has failed if one of them has, and says how many", async () => {
    const { id, owner } = await addJob(db, 2, { aggregate: "concat", max_attempts: 1 });
    const { agent, task } = await claimTask(db);
    await failTask(db, agent, task);
    await completeTasks(db, 1);
    expect(await settleJob(db, id)).toBe(true);
    expect(await jobOf(db, id)).toMatchObject({
      status: "FAILED",
      error_code: "tasks_failed",
      error_message: "1 of 2 tasks failed. Their reasons are kept; retry_failed hands them out again.",
      completed_subtasks: 1,
      failed_subtasks: 1,
    });
    expect(await messagesTo(owner)).toMatchObject([
      { content: expect.stringMatching(/^Job "Rain" failed: 1 of 2 tasks failed\./) },
    ]);
    expect(await runsOf(db, String(id))).toHaveLength(1);
  });

  test("gets a run that aggregates their results, if it wants one", async () => {
    const { id, owner } = await addJob(db, 1, { aggregate: "fedavg" });
    await completeTasks(db, 1);
    expect(await settleJob(db, id)).toBe(true);
    expect(await rowOf(id)).toMatchObject({ status: "AGGREGATING", finished_at: null, completed_tasks: 1 });
    expect(await runOf(db, String(id))).toMatchObject({ kind: "aggregate", state: "queued" });
    expect(await messagesTo(owner)).toEqual([]);
    expect(await settleJob(db, id)).toBe(false);
    expect(await findQueueFaults(db)).toEqual([]);
  });

  test("lends its dispenser to the next", async () => {
    const sequences = () => db.sql("select sequence::text from corral.dispensers order by 1");
    await addJob(db, 1);
    await completeTasks(db, 1);
    await sweepTasks(db);
    const before = await sequences();
    const { id } = await addJob(db, 2);
    expect(await sequences()).toEqual(before);
    expect(await claimTask(db)).toMatchObject({ task: `${id * 1e7 + 1}` });
    await addJob(db, 1);
    expect(await sequences()).toHaveLength(before.length + 1);
  });
});

describe("a job goes on", () => {
  test("while numbers are left, tasks run, or tasks wait to be tried again", async () => {
    const { id } = await addJob(db, 2);
    await completeTasks(db, 1);
    expect(await settleJob(db, id)).toBe(false);
    const { agent, task } = await claimTask(db);
    expect(await settleJob(db, id)).toBe(false);
    await failTask(db, agent, task);
    expect(await settleJob(db, id)).toBe(false);
    expect(await jobOf(db, id)).toMatchObject({ status: "RUNNING", completed_subtasks: 1, pending_subtasks: 1 });
  });

  test("while a number was drawn by a claim that has not committed", async () => {
    const { id } = await addJob(db, 1);
    const agent = await addAgent(db);
    const client = await db.connect();
    await client.query("begin");
    await client.query("select * from public.request_tasks($1)", [JSON.stringify([{ call: 0, agent }])]);
    expect(await settleJob(db, id)).toBe(false);
    await client.query("commit");
    expect(await jobOf(db, id)).toMatchObject({ status: "RUNNING", running_subtasks: 1 });
  });

  test("when it is not there, is not split, or somebody holds it, its queue, its owner or its project", async () => {
    expect(await settleJob(db, 77777)).toBe(false);
    expect(await settleJob(db, (await createJob(db)).id)).toBe(false);
    const { id: project } = await addProject(db);
    const { id, owner } = await addJob(db, 1);
    await db.sql("update corral.jobs set project_id = $2 where id = $1", [id, project]);
    const { agent, task } = await claimTask(db);
    await completeTask(db, agent, task);
    const client = await db.connect();
    for (const [lock, key] of [
      ["select from corral.jobs where id = $1 for update", id],
      ["select from corral.queue where job_id = $1 for update", id],
      ["select from public.users where id = $1 for update", owner],
      ["select from public.projects where id = $1 for update", project],
    ] as const) {
      await client.query("begin");
      await client.query(lock, [key]);
      expect(await settleJob(db, id)).toBe(false);
      expect(await sweepTasks(db)).toMatchObject({ settled: 0 });
      await client.query("commit");
    }
    expect(await sweepTasks(db)).toMatchObject({ settled: 1 });
  });
});

describe("the counts of a job", () => {
  test("are those of its tasks at any moment, seen by the sweep or not", async () => {
    const { id } = await addJob(db, 12, { max_attempts: 1 });
    const seen = async () => {
      const before = await jobOf(db, id);
      await settleJob(db, id);
      const after = await jobOf(db, id);
      const counts = ({ completed_subtasks, failed_subtasks, running_subtasks, pending_subtasks }: typeof after) => [
        completed_subtasks,
        failed_subtasks,
        running_subtasks,
        pending_subtasks,
      ];
      expect(counts(after)).toEqual(counts(before));
      return counts(after);
    };
    expect(await seen()).toEqual([0, 0, 0, 12]);
    const [one, two, three] = [await claimTask(db), await claimTask(db), await claimTask(db)];
    await completeTask(db, one.agent, one.task);
    expect(await seen()).toEqual([1, 0, 2, 9]);
    expect(await watched(id)).toBe(2);
    await failTask(db, two.agent, two.task, { retryable: false });
    expect(await seen()).toEqual([1, 1, 1, 10 - 1]);
    await failTask(db, three.agent, three.task, { giveBack: true });
    expect(await seen()).toEqual([1, 1, 0, 10]);
    expect(await watched(id)).toBe(1);
    await completeTasks(db, 10);
    expect(await seen()).toEqual([11, 1, 0, 0]);
    expect(await watched(id)).toBe(0);
    expect(await rowOf(id)).toMatchObject({ status: "FAILED", completed_tasks: 11, failed_tasks: 1 });
  });

  test("are kept apart from another's", async () => {
    const [one, two] = [await addJob(db, 3), await addJob(db, 3)];
    await completeTasks(db, 2);
    await sweepTasks(db);
    for (const { id } of [one, two])
      expect(await jobOf(db, id)).toMatchObject({ completed_subtasks: 1, pending_subtasks: 2 });
    await controlJob(db, one.id, "cancel");
    expect(await jobOf(db, two.id)).toMatchObject({ status: "RUNNING", pending_subtasks: 2 });
  });

  test("are right after claims were rolled back and handed out again", async () => {
    const { id } = await addJob(db, 4);
    const client = await db.connect();
    const agents = await Promise.all([addAgent(db), addAgent(db)]);
    await client.query("begin");
    await client.query("select * from public.request_tasks($1)", [
      JSON.stringify(agents.map((agent, call) => ({ call, agent }))),
    ]);
    await client.query("rollback");
    expect(await jobOf(db, id)).toMatchObject({ running_subtasks: 0, pending_subtasks: 4 });
    await sweepTasks(db);
    expect(await findQueueFaults(db)).toEqual([]);
    const given = await requestTasks(
      db,
      agents.map((agent) => ({ agent })),
    );
    for (const { call, task_id } of given) await completeTask(db, agents[call] ?? "", task_id);
    await completeTasks(db, 2);
    expect(await sweepTasks(db)).toMatchObject({ settled: 1 });
    expect(await jobOf(db, id)).toMatchObject({ status: "COMPLETED", completed_subtasks: 4 });
  });
});

describe("the end of a job and its project", () => {
  const addTraining = async (status: string) => {
    const owner = await addUser(db);
    const { id: project } = await addProject(db, { user_id: owner, status });
    await db.sql("insert into public.datasets (project_id, name, gcs_url) values ($1, 'a', $2)", [
      project,
      randomUUID(),
    ]);
    return { project, ...(await addJob(db, 1, { user_id: owner, project_id: project, max_attempts: 1 })) };
  };
  const logOf = (project: string) =>
    db.sql("select agent_name, message, log_level from public.agent_logs where project_id = $1 order by id", [project]);

  test("the project is completed with it, and its log says so", async () => {
    const { id, project } = await addTraining("pending_training");
    await completeTasks(db, 1);
    await settleJob(db, id);
    expect(await statusOf(db, project)).toBe("completed");
    expect(await logOf(project)).toEqual([
      { agent_name: "compute", message: `Job ${id} completed`, log_level: "info" },
    ]);
  });

  test("the project fails with it, and trains again when its dead letters are handed out again", async () => {
    const { id, project, owner } = await addTraining("pending_training");
    const { agent, task } = await claimTask(db);
    await failTask(db, agent, task);
    await settleJob(db, id);
    expect(await statusOf(db, project)).toBe("failed");
    expect(await logOf(project)).toMatchObject([{ log_level: "error" }]);
    expect(await controlJob(db, id, "retry_failed", owner)).toMatchObject({ outcome: "done" });
    expect(await statusOf(db, project)).toBe("training");
    await completeTasks(db, 1);
    await settleJob(db, id);
    expect(await statusOf(db, project)).toBe("completed");
  });

  test("a project that is elsewhere by now stays there", async () => {
    const { id, project } = await addTraining("draft");
    await completeTasks(db, 1);
    await settleJob(db, id);
    expect(await statusOf(db, project)).toBe("draft");
  });

  test("one that is deleted lets the job go on alone", async () => {
    const { id, project } = await addTraining("pending_training");
    await db.sql("delete from public.projects where id = $1", [project]);
    await completeTasks(db, 1);
    expect(await settleJob(db, id)).toBe(true);
    expect(await rowOf(id)).toMatchObject({ status: "COMPLETED", project_id: null });
  });
});

describe("a job that nobody owns", () => {
  test("ends without a word to anybody", async () => {
    const { id } = await addJob(db, 1, { user_id: null });
    await completeTasks(db, 1);
    expect(await settleJob(db, id)).toBe(true);
    expect(await db.sql("select from public.messages where content like $1 and user_id is null", ["Job %"])).toEqual(
      [],
    );
  });
});
