import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import {
  addJob,
  cancelAllJobs,
  claimTask,
  completeTask,
  controlJob,
  createJob,
  jobOf,
  openEnrollment,
  settleJob,
  startRunOf,
  taskId,
  taskOf,
} from "./fleet-scene.ts";
import { addRunningProject, call, firstOf, runOf, runsOf } from "./scene.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
  await openEnrollment(db);
});
afterAll(() => db.drop());
beforeEach(() => cancelAllJobs(db));

const one = async (sql: string, params: unknown[]): Promise<Row> => firstOf(await db.sql(sql, params));
const splitTask = (run: unknown, attempt: number) => one("select * from public.get_split_task($1, $2)", [run, attempt]);
const aggregateTask = (run: unknown, attempt: number) =>
  one("select * from public.get_aggregate_task($1, $2)", [run, attempt]);
const add = (run: unknown, attempt: number, chunks: unknown[]) =>
  call(db, "public.add_tasks($1, $2, $3)", [run, attempt, JSON.stringify(chunks)]);
const publish = (run: unknown, attempt: number, total: number) =>
  call(db, "public.publish_tasks($1, $2, $3, 70)", [run, attempt, total]);
const publishResult = (run: unknown, attempt: number, url: string | null = "gs://bucket/final.csv") =>
  call(db, "public.publish_result($1, $2, $3, '{\"parts\": 2}')", [run, attempt, url]);
const results = (run: unknown, attempt: number, after = 0, limit = 1000) =>
  db.sql("select * from public.list_results($1, $2, $3, $4)", [run, attempt, after, limit]);
const failRun = (run: unknown, attempt: number, retryable = false) =>
  call(db, "public.fail_run($1, $2, 'no_rows', 'There is nothing in it.', $3)", [run, attempt, retryable]);
const chunk = (number: number, rows = 10) => ({ number, chunk: `gs://bucket/${number}.csv`, rows });
const tasksOf = (job: number) =>
  db.sql<{ id: string; chunk: string }>("select id, chunk from corral.tasks where corral.job_of(id) = $1 order by id", [
    job,
  ]);

/** A job whose split is at work. */
async function addSplit(spec: Row = {}) {
  const job = await createJob(db, spec);
  return { ...job, ...(await startRunOf(db, job.id)) };
}
/** A job whose two tasks are done and whose aggregation is at work. */
async function addAggregation() {
  const job = await addJob(db, 2, { aggregate: "concat" });
  for (const rows of [3, null]) {
    const { agent, task } = await claimTask(db);
    await completeTask(db, agent, task, { result_url: `gs://bucket/${task}.csv`, rows });
  }
  await settleJob(db, job.id);
  return { ...job, ...(await startRunOf(db, job.id)) };
}

describe("a split", () => {
  test("learns what to split", async () => {
    for (const [wish, told] of [
      [{ chunks: 7 }, { chunks: 7, rows_per_chunk: null }],
      [{ rows_per_chunk: 5 }, { chunks: null, rows_per_chunk: "5" }],
      [{}, { chunks: 8, rows_per_chunk: null }],
    ]) {
      const { id, run, attempt } = await addSplit({ data_file: "a.csv", ...wish });
      expect(await splitTask(run, attempt)).toEqual({
        outcome: "ready",
        job_id: `${id}`,
        data_url: "https://example.com/rain.csv",
        data_file: "a.csv",
        ...told,
      });
    }
  });

  test("adds tasks that nobody can claim, as often as it likes", async () => {
    const { id, run, attempt } = await addSplit();
    expect(await add(run, attempt, [chunk(1), chunk(2)])).toBe("added");
    expect(await add(run, attempt, [{ ...chunk(2, 7), chunk: "gs://bucket/again.csv" }, chunk(3)])).toBe("added");
    expect(await tasksOf(id)).toEqual([
      { id: taskId(id, 1), chunk: "gs://bucket/1.csv" },
      { id: taskId(id, 2), chunk: "gs://bucket/again.csv" },
      { id: taskId(id, 3), chunk: "gs://bucket/3.csv" },
    ]);
    expect(await taskOf(db, taskId(id, 2))).toMatchObject({ rows: "7", state: "PENDING" });
    expect(await db.sql("select from corral.queue")).toEqual([]);
  });

  test("publishes them all at once, without what an earlier attempt had beyond, and ends", async () => {
    const { id, run, attempt } = await addSplit();
    const other = await addSplit();
    await add(other.run, other.attempt, [chunk(1), chunk(3)]);
    await add(run, attempt, [chunk(1), chunk(2), chunk(3)]);
    expect(await publish(run, attempt, 2)).toBe("published");
    expect((await tasksOf(id)).map(({ id }) => id)).toEqual([taskId(id, 1), taskId(id, 2)]);
    expect(await tasksOf(other.id)).toHaveLength(2);
    expect(await jobOf(db, id)).toMatchObject({ status: "RUNNING", total_subtasks: 2, pending_subtasks: 2 });
    expect(await one("select total_rows, published_at from corral.jobs where id = $1", [id])).toMatchObject({
      total_rows: "70",
      published_at: expect.any(Date),
    });
    expect(await runOf(db, String(id))).toMatchObject({ state: "succeeded", error_code: null, lease_expires_at: null });
    expect(await claimTask(db)).toMatchObject({ task: taskId(id, 1) });
  });

  test("that published is answered so again, and can add nothing any more", async () => {
    const { id, run, attempt } = await addSplit();
    await add(run, attempt, [chunk(1)]);
    await publish(run, attempt, 1);
    expect(await publish(run, attempt, 1)).toBe("published");
    expect(await add(run, attempt, [chunk(2)])).toBe("stale");
    expect(await splitTask(run, attempt)).toEqual({
      outcome: "stale",
      job_id: null,
      data_url: null,
      data_file: null,
      chunks: null,
      rows_per_chunk: null,
    });
    expect(await tasksOf(id)).toHaveLength(1);
    expect(await db.sql("select from corral.queue where job_id = $1", [id])).toHaveLength(1);
  });

  test("that was replaced, or whose job was cancelled, writes nothing", async () => {
    const { id, run, attempt } = await addSplit();
    await call(db, "public.release_run($1, $2)", [run, attempt]);
    await startRunOf(db, id);
    const stale = async (attempt: number) => {
      expect(await splitTask(run, attempt)).toMatchObject({ outcome: "stale" });
      expect(await add(run, attempt, [chunk(1)])).toBe("stale");
      expect(await publish(run, attempt, 1)).toBe("stale");
    };
    await stale(attempt);
    expect(await splitTask(run, attempt + 1)).toMatchObject({ outcome: "ready" });
    await controlJob(db, id, "cancel");
    await stale(attempt + 1);
    expect(await tasksOf(id)).toEqual([]);
  });

  test("that fails for good fails its job, and the owner reads why", async () => {
    const { id, owner, run, attempt } = await addSplit();
    expect(await failRun(run, attempt)).toBe("failed");
    expect(await jobOf(db, id)).toMatchObject({
      status: "FAILED",
      error_code: "no_rows",
      error_message: "There is nothing in it.",
      run: { state: "failed", error_code: "no_rows" },
    });
    expect(await db.sql("select content from public.messages where user_id = $1", [owner])).toEqual([
      { content: 'Job "Rain" failed: There is nothing in it.' },
    ]);
  });

  test("that fails for now leaves its job as it is", async () => {
    const { id, run, attempt } = await addSplit();
    expect(await failRun(run, attempt, true)).toBe("retrying");
    expect(await jobOf(db, id)).toMatchObject({ status: "PROCESSING", error_code: null });
  });

  test("that falls silent is given up by the sweep in the end, and its job with it", async () => {
    const { id, run } = await addSplit();
    await db.sql(
      "update corral.runs set max_attempts = 1, lease_expires_at = corral.now() - interval '1 second' where id = $1",
      [run],
    );
    const client = await db.connect();
    await client.query("begin");
    await client.query("select from corral.jobs where id = $1 for update", [id]);
    expect(await one("select * from corral.sweep()", [])).toMatchObject({ expired: 0 });
    await client.query("commit");
    expect(await one("select * from corral.sweep()", [])).toMatchObject({ expired: 1 });
    expect(await jobOf(db, id)).toMatchObject({ status: "FAILED", error_code: "lease_expired" });
  });

  test("is not ended as if its work needed no publication", async () => {
    const { run, attempt } = await addSplit();
    expect(await call(db, "public.finish_run($1, $2)", [run, attempt])).toBe("stale");
  });

  test("of another kind is none", async () => {
    const { run, attempt } = await addRunningProject(db);
    expect(await splitTask(run, attempt)).toMatchObject({ outcome: "stale" });
    expect(await add(run, attempt, [chunk(1)])).toBe("stale");
    expect(await publish(run, attempt, 1)).toBe("stale");
    expect(await aggregateTask(run, attempt)).toMatchObject({ outcome: "stale" });
    expect(await publishResult(run, attempt)).toBe("stale");
  });
});

describe("an aggregation", () => {
  test("learns what to do, and the results in the order of their numbers, page by page", async () => {
    const { id, run, attempt } = await addAggregation();
    await addJob(db, 1);
    await db.sql("insert into corral.tasks (id) values ($1)", [(id + 1) * 1e7]);
    expect(await aggregateTask(run, attempt)).toEqual({
      outcome: "ready",
      job_id: `${id}`,
      aggregate: "concat",
      total: 2,
    });
    const page = (number: number, rows: string) => ({
      number,
      task_id: taskId(id, number),
      attempt: 1,
      result_url: `gs://bucket/${taskId(id, number)}.csv`,
      rows,
    });
    // Where the agent did not say how many rows the result stands for, the chunk does.
    expect(await results(run, attempt)).toEqual([page(1, "3"), page(2, "10")]);
    expect(await results(run, attempt, 1)).toEqual([page(2, "10")]);
    expect(await results(run, attempt, 0, 1)).toEqual([page(1, "3")]);
    expect(await results(run, attempt, 2)).toEqual([]);
  });

  test("ends its job with the result, once", async () => {
    const { id, run, attempt } = await addAggregation();
    expect(await publishResult(run, attempt)).toBe("published");
    const told = await jobOf(db, id);
    expect(told).toMatchObject({
      status: "COMPLETED",
      final_result_url: "gs://bucket/final.csv",
      result_details: { parts: 2 },
      error_code: null,
    });
    expect(await runOf(db, String(id))).toMatchObject({ state: "succeeded", lease_expires_at: null });
    expect(await publishResult(run, attempt, "gs://bucket/other.csv")).toBe("published");
    expect(await jobOf(db, id)).toMatchObject({ final_result_url: "gs://bucket/final.csv" });
    expect(await aggregateTask(run, attempt)).toEqual({ outcome: "stale", job_id: null, aggregate: null, total: null });
    expect(await results(run, attempt)).toEqual([]);
  });

  test("may find nothing to aggregate", async () => {
    const { id, run, attempt } = await addAggregation();
    expect(await publishResult(run, attempt, null)).toBe("published");
    expect(await jobOf(db, id)).toMatchObject({ status: "COMPLETED", final_result_url: null });
  });

  test("that was replaced, or whose job was cancelled, reads and writes nothing", async () => {
    const { id, run, attempt } = await addAggregation();
    await call(db, "public.release_run($1, $2)", [run, attempt]);
    await startRunOf(db, id);
    const stale = async (attempt: number) => {
      expect(await aggregateTask(run, attempt)).toMatchObject({ outcome: "stale" });
      expect(await results(run, attempt)).toEqual([]);
      expect(await publishResult(run, attempt)).toBe("stale");
    };
    await stale(attempt);
    expect(await results(run, attempt + 1)).toHaveLength(2);
    await controlJob(db, id, "cancel");
    await stale(attempt + 1);
    expect(await jobOf(db, id)).toMatchObject({ status: "CANCELLED", final_result_url: null });
  });

  test("that fails for good leaves its job complete, which says why there is no aggregate", async () => {
    const { id, owner, run, attempt } = await addAggregation();
    expect(await failRun(run, attempt)).toBe("failed");
    const error_message = "Its results were not aggregated: There is nothing in it.";
    expect(await jobOf(db, id)).toMatchObject({ status: "COMPLETED", error_code: "no_rows", error_message });
    expect(await db.sql("select content from public.messages where user_id = $1", [owner])).toEqual([
      { content: `Job "Rain" is done. ${error_message}` },
    ]);
    expect(await runsOf(db, String(id))).toHaveLength(2);
  });

  test("lets nobody read the results of a split, nor split the results of an aggregation", async () => {
    const split = await addSplit();
    await add(split.run, split.attempt, [chunk(1)]);
    expect(await results(split.run, split.attempt)).toEqual([]);
    expect(await aggregateTask(split.run, split.attempt)).toMatchObject({ outcome: "stale" });
    expect(await publishResult(split.run, split.attempt)).toBe("stale");
    const aggregation = await addAggregation();
    expect(await splitTask(aggregation.run, aggregation.attempt)).toMatchObject({ outcome: "stale" });
    expect(await add(aggregation.run, aggregation.attempt, [chunk(1)])).toBe("stale");
    expect(await publish(aggregation.run, aggregation.attempt, 1)).toBe("stale");
    expect(await results(aggregation.run, aggregation.attempt)).toHaveLength(2);
  });
});
