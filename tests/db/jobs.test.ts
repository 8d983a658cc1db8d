import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { jobOf as jobOfTask, MAX_TASKS } from "../../shared/task-id.ts";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import {
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
  requestTask,
  settleJob,
  startRunOf,
  sweepTasks,
  taskId,
} from "./fleet-scene.ts";
import { addProject, addUser, call, firstOf, runOf, sqlstateOf, statusOf } from "./scene.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  await openEnrollment(db);
  await cancelAllJobs(db);
});

const get = async (job: unknown, user: string | null, admin = false): Promise<Row> =>
  firstOf(await db.sql("select * from public.get_job($1, $2, $3)", [job, user, admin]));
const list = async (owner: string | null, user: string | null, admin = false, limit = 500) =>
  (await db.sql<{ id: string }>("select * from public.list_jobs($1, $2, $3, $4)", [owner, user, admin, limit])).map(
    ({ id }) => Number(id),
  );
const makeOpen = (job: number) => db.sql("update corral.jobs set is_open = true where id = $1", [job]);

describe("a job is seen", () => {
  test("by its owner and by admins", async () => {
    const { id, owner } = await addJob(db, 1);
    expect(await get(id, owner)).toMatchObject({ outcome: "found", id: `${id}`, owner_id: owner });
    expect(await get(id, null, true)).toMatchObject({ outcome: "found" });
    const stranger = await get(id, await addUser(db));
    expect(stranger).toMatchObject({ outcome: "job_not_found", id: null, title: null, original_data_url: null });
    expect(await get(id, null)).toMatchObject({ outcome: "job_not_found", id: null });
    expect(await get(77777, owner)).toMatchObject({ outcome: "job_not_found" });
    expect(await get(77777, null, true)).toMatchObject({ outcome: "job_not_found" });
    expect(await get(77777, null)).toMatchObject({ outcome: "job_not_found" });
  });

  test("by callers without a token where such a caller made it, as long as enrollment is open", async () => {
    const { id, owner } = await addJob(db, 1);
    await makeOpen(id);
    expect(await get(id, null)).toMatchObject({ outcome: "found" });
    expect(await get(id, owner)).toMatchObject({ outcome: "found" });
    expect(await get(id, await addUser(db))).toMatchObject({ outcome: "job_not_found" });
    await db.sql("update corral.settings set open_enrollment = false");
    expect(await get(id, null)).toMatchObject({ outcome: "unauthorized", id: null });
    expect(await get(id, owner)).toMatchObject({ outcome: "found" });
  });

  test("by others as theirs not, when they ask for its result, and nothing else of it", async () => {
    const { id, owner } = await addJob(db, 1, { title: "Rain" });
    const download = async (job: unknown, user: string | null, admin = false) =>
      firstOf(await db.sql("select * from public.download_job($1, $2, $3)", [job, user, admin]));
    const nothing = { title: null, status: null, owner_id: null, final_result_url: null };
    const found = { title: "Rain", status: "RUNNING", owner_id: owner, final_result_url: null };
    expect(await download(id, owner)).toEqual({ outcome: "found", ...found });
    expect(await download(id, null, true)).toEqual({ outcome: "found", ...found });
    for (const user of [await addUser(db), null])
      expect(await download(id, user)).toEqual({ outcome: "job_not_yours", ...nothing });
    for (const [user, admin] of [
      [owner, false],
      [null, true],
    ] as const)
      expect(await download(77777, user, admin)).toEqual({ outcome: "job_not_found", ...nothing });
    await db.sql("update corral.settings set open_enrollment = false");
    expect(await download(id, null)).toEqual({ outcome: "unauthorized", ...nothing });
  });

  test("in its owner's list, newest first, and in no list that another asks for", async () => {
    const owner = await addUser(db);
    const jobs = [];
    for (let i = 0; i < 3; i++) jobs.unshift((await addJob(db, 1, { user_id: owner })).id);
    expect(await list(owner, owner)).toEqual(jobs);
    expect(await list(owner, null, true)).toEqual(jobs);
    expect(await list(owner, owner, false, 2)).toEqual(jobs.slice(0, 2));
    expect(await list(owner, await addUser(db))).toEqual([]);
    expect(await list(owner, null)).toEqual([]);
    await makeOpen(jobs[1] ?? 0);
    expect(await list(owner, null)).toEqual([jobs[1]]);
    await db.sql("update corral.settings set open_enrollment = false");
    expect(await list(owner, null)).toEqual([]);
  });

  test("in a list of no more than five hundred", async () => {
    const owner = await addUser(db);
    const { id } = await createJob(db, { user_id: owner });
    await db.sql(
      `insert into corral.jobs (owner_id, swarm_id, title, requirement_id, chunks)
       select owner_id, swarm_id, title, requirement_id, chunks from corral.jobs, generate_series(1, 501) where id = $1`,
      [id],
    );
    expect(await list(owner, owner, false, 1000)).toHaveLength(500);
  });
});

test("a task's id tells its job, to functions as to Postgres", async () => {
  for (const job of [1, 899_999_999]) {
    for (const number of [1, MAX_TASKS]) {
      const id = await call<string>(db, "corral.task_id($1, $2)", [job, number]);
      expect([jobOfTask(Number(id)), Number(await call(db, "corral.job_of($1)", [id]))]).toEqual([job, job]);
    }
  }
});

describe("what is told about a job", () => {
  test("is what it was made with, and the run that is about it", async () => {
    const { id } = await createJob(db, {
      title: "Sun",
      requirements_url: "https://example.com/r.txt",
      aggregate: "concat",
    });
    const told = await jobOf(db, id);
    expect(told).toMatchObject({
      title: "Sun",
      status: "PROCESSING",
      is_paused: false,
      original_data_url: "https://example.com/rain.csv",
      original_code_url: "https://example.com/train.py",
      original_requirements_url: "https://example.com/r.txt",
      aggregate: "concat",
      total_subtasks: 0,
      pending_subtasks: 0,
      tasks_per_minute: null,
      eta_seconds: null,
      failures: [],
      run: { kind: "split", state: "queued", attempt: 0 },
    });
    const { run, attempt } = await startRunOf(db, id);
    await call(db, "public.report_progress($1, $2, 'splitting', '{\"rows\": 5}')", [run, attempt]);
    expect((await jobOf(db, id)).run).toMatchObject({
      id: Number(run),
      state: "running",
      phase: "splitting",
      progress: { rows: 5 },
    });
  });

  test("counts its tasks as they are this moment", async () => {
    const { id } = await addJob(db, 9, { max_attempts: 1 });
    await completeTasks(db, 2);
    await sweepTasks(db);
    await completeTasks(db, 1);
    const failing = await claimTask(db);
    await failTask(db, failing.agent, failing.task);
    await claimTask(db);
    expect(await jobOf(db, id)).toMatchObject({
      total_subtasks: 9,
      completed_subtasks: 3,
      failed_subtasks: 1,
      running_subtasks: 1,
      pending_subtasks: 4,
      cancelled_subtasks: 0,
    });
    await sweepTasks(db);
    await controlJob(db, id, "cancel");
    expect(await jobOf(db, id)).toMatchObject({
      status: "CANCELLED",
      completed_subtasks: 3,
      failed_subtasks: 1,
      running_subtasks: 0,
      pending_subtasks: 0,
      cancelled_subtasks: 5,
    });
  });

  test("has its pace, and when it will be over", async () => {
    const { id } = await addJob(db, 8);
    await completeTasks(db, 2);
    await db.sql("update corral.jobs set published_at = corral.now() - interval '1 minute' where id = $1", [id]);
    const told = await jobOf(db, id);
    expect(Number(told.tasks_per_minute)).toBeCloseTo(2, 0);
    expect(Number(told.eta_seconds)).toBeCloseTo(180, -1);
    await completeTasks(db, 6);
    await settleJob(db, id);
    await db.sql("update corral.jobs set published_at = finished_at - interval '4 minutes' where id = $1", [id]);
    expect(await jobOf(db, id)).toMatchObject({ tasks_per_minute: 2, eta_seconds: null });
  });

  test("has no end in sight while nothing is done", async () => {
    const { id } = await addJob(db, 8);
    await db.sql("update corral.jobs set published_at = corral.now() - interval '1 minute' where id = $1", [id]);
    expect(await jobOf(db, id)).toMatchObject({ tasks_per_minute: 0, eta_seconds: null });
  });

  test("names the newest twenty reasons of tasks that wait or gave up, newest first", async () => {
    const { id } = await addJob(db, 30, { max_attempts: 2 });
    for (let i = 1; i <= 25; i++) {
      const { agent, task } = await claimTask(db);
      await failTask(db, agent, task, { reason: `Reason ${i}`, retryable: i % 2 === 0 });
    }
    await addJob(db, 1);
    const failures = (await jobOf(db, id)).failures as { reason: string; task_id: number }[];
    expect(failures.map(({ reason }) => reason)).toEqual(
      Array.from({ length: 20 }, (_, index) => `Reason ${25 - index}`),
    );
    expect(failures[0]?.task_id).toBe(Number(taskId(id, 25)));
  });
});

describe("control_job", () => {
  test("is for the owner, admins, and callers without a token where they made the job", async () => {
    const { id, owner } = await addJob(db, 1);
    expect(await controlJob(db, id, "pause", await addUser(db))).toEqual({
      outcome: "job_not_found",
      status: null,
      tasks: 0,
    });
    for (const action of ["cancel", "pause", "retry_failed"])
      expect(await controlJob(db, id, action, null)).toMatchObject({ outcome: "job_not_found" });
    expect(await controlJob(db, 77777, "cancel")).toMatchObject({ outcome: "job_not_found" });
    expect(await jobOf(db, id)).toMatchObject({ status: "RUNNING", is_paused: false });
    expect(await controlJob(db, id, "pause", owner)).toEqual({ outcome: "done", status: "RUNNING", tasks: 0 });
    await makeOpen(id);
    expect(await controlJob(db, id, "resume", null)).toMatchObject({ outcome: "done" });
    await db.sql("update corral.settings set open_enrollment = false");
    expect(await controlJob(db, id, "cancel", null)).toMatchObject({ outcome: "unauthorized", status: null });
  });

  test("knows four actions", async () => {
    const { id } = await addJob(db, 1);
    expect(await sqlstateOf(controlJob(db, id, "explode"))).toBe("22P02");
  });

  test("pauses and resumes, each once", async () => {
    const { id } = await addJob(db, 1);
    expect(await controlJob(db, id, "resume")).toMatchObject({ outcome: "unchanged" });
    expect(await controlJob(db, id, "pause")).toMatchObject({ outcome: "done", status: "RUNNING" });
    expect(await jobOf(db, id)).toMatchObject({ is_paused: true });
    expect(await controlJob(db, id, "pause")).toMatchObject({ outcome: "unchanged" });
    expect(await controlJob(db, id, "resume")).toMatchObject({ outcome: "done" });
    expect(await jobOf(db, id)).toMatchObject({ is_paused: false });
  });

  test("pauses what is still being split, too, and lets what is under way end", async () => {
    const { id } = await createJob(db);
    await controlJob(db, id, "pause");
    const { run, attempt } = await startRunOf(db, id);
    await db.sql("select public.add_tasks($1, $2, $3)", [
      run,
      attempt,
      JSON.stringify([{ number: 1, chunk: "gs://bucket/c.csv" }]),
    ]);
    await db.sql("select public.publish_tasks($1, $2, 1)", [run, attempt]);
    expect(await db.sql("select from corral.lanes")).toEqual([]);
    await controlJob(db, id, "resume");
    const { agent, task } = await claimTask(db);
    await controlJob(db, id, "pause");
    expect(await completeTask(db, agent, task)).toMatchObject({ outcome: "completed", settle: true });
    expect(await settleJob(db, id)).toBe(true);
    expect(await jobOf(db, id)).toMatchObject({ status: "COMPLETED", is_paused: false });
  });

  test("cancels a job at any time before its end, once, with the run that is about it", async () => {
    const splitting = await createJob(db);
    expect(await controlJob(db, splitting.id, "cancel")).toEqual({ outcome: "done", status: "CANCELLED", tasks: 0 });
    expect(await controlJob(db, splitting.id, "cancel")).toMatchObject({ outcome: "unchanged" });
    expect(await runOf(db, String(splitting.id))).toMatchObject({ state: "cancelled", error_code: "job_cancelled" });
    const other = await createJob(db);
    const running = await addJob(db, 1);
    await controlJob(db, running.id, "cancel");
    expect(await runOf(db, String(running.id))).toMatchObject({ state: "succeeded" });
    expect(await runOf(db, String(other.id))).toMatchObject({ state: "queued" });
    const aggregating = await addJob(db, 1, { aggregate: "concat" });
    await completeTasks(db, 1);
    await settleJob(db, aggregating.id);
    expect(await controlJob(db, aggregating.id, "cancel")).toMatchObject({ status: "CANCELLED" });
    expect(await runOf(db, String(aggregating.id))).toMatchObject({ kind: "aggregate", state: "cancelled" });
    for (const table of ["queue", "lanes", "leases", "returns"])
      expect(await db.sql(`select from corral.${table}`), table).toEqual([]);
  });

  test("cancels with its counts as they were", async () => {
    const { id, owner } = await addJob(db, 3);
    await completeTasks(db, 1);
    await controlJob(db, id, "cancel");
    expect(await jobOf(db, id)).toMatchObject({ completed_subtasks: 1, cancelled_subtasks: 2 });
    const [message] = await db.sql("select content from public.messages where user_id = $1", [owner]);
    expect(message).toEqual({ content: 'Job "Rain" was cancelled.' });
    expect(await requestTask(db, "nobody")).toMatchObject({ outcome: "agent_not_found" });
  });

  test("does nothing more to a job that is over", async () => {
    const { id } = await addJob(db, 1);
    await completeTasks(db, 1);
    await settleJob(db, id);
    for (const action of ["cancel", "pause", "resume", "retry_failed"])
      expect(await controlJob(db, id, action)).toEqual({ outcome: "job_over", status: "COMPLETED", tasks: 0 });
  });

  test("leaves the project of a cancelled job as it was", async () => {
    const { id: project, owner } = await addProject(db, { status: "pending_training" });
    await db.sql("insert into public.datasets (project_id, name, gcs_url) values ($1, 'a', $2)", [
      project,
      randomUUID(),
    ]);
    const { id } = await createJob(db, { user_id: owner, project_id: project });
    await controlJob(db, id, "cancel");
    expect(await statusOf(db, project)).toBe("pending_training");
    const logs = await db.sql("select message, log_level from public.agent_logs where project_id = $1", [project]);
    expect(logs).toEqual([{ message: `Job ${id} cancelled`, log_level: "error" }]);
  });
});
