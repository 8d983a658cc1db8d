import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import {
  addDataAgent,
  addTable,
  admitAdmin,
  claimQueries,
  RESULT,
  startRunner,
  startRunningSync,
  startRunOf,
  startSync,
  submitQuery,
} from "./data-scene.ts";
import { call, sqlstateOf } from "./scene.ts";

type Task = Row & { task_id: string };

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
});
afterAll(() => db.drop());

/** A fleet that has done nothing. */
beforeEach(async () => {
  await db.sql("delete from corral.queries");
  await db.sql("delete from corral.runs");
  await db.sql("update corral.syncs set state = 'cancelled', completed_at = corral.now() where completed_at is null");
});

const ask = async <T>(expression: string, params: unknown[] = []) =>
  call<T>(db, `public.${expression}`, [await admitAdmin(db), ...params]);
const statusOf = (task: unknown) => ask<Task>("get_task_status($1, $2)", [task]);

describe("a task", () => {
  test("is a run by its number, as people read it", async () => {
    const { sync, run, attempt } = await startRunningSync(db, await addTable(db));
    await db.sql("select public.report_progress($1, $2, 'unloading', '{\"rows\": 7}')", [run, attempt]);
    expect(await statusOf(run)).toEqual({
      task_id: run,
      kind: "snowflake-to-duckdb",
      subject: sync,
      state: "running",
      success: null,
      error: null,
      error_code: null,
      attempt: 1,
      progress: { phase: "unloading", rows: 7 },
      created_at: expect.any(String),
      started_at: expect.any(String),
      finished_at: null,
      duration_seconds: expect.any(Number),
    });
    await db.sql("select public.fail_run($1, $2, 'snowflake_error', 'Broken')", [run, attempt]);
    expect(await statusOf(run)).toMatchObject({
      state: "failed",
      success: false,
      error: "Broken",
      error_code: "snowflake_error",
      finished_at: expect.any(String),
    });
  });

  test("is pending until its container started, completed when it has succeeded, or cancelled", async () => {
    const { sync_id, run_id: run } = await startSync(db, await addTable(db));
    expect(await statusOf(run)).toMatchObject({ state: "pending", duration_seconds: null, progress: null });
    await db.sql("select public.claim_run($1)", [run]);
    expect(await statusOf(run)).toMatchObject({ state: "pending" });
    await db.sql("select * from public.cancel_sync($1, $2)", [await admitAdmin(db), sync_id]);
    expect(await statusOf(run)).toMatchObject({ state: "cancelled", success: null });
    await db.sql("select corral.enqueue_run('cleanup', 'bucket')");
    const cleanup = await startRunOf(db, "bucket");
    await db.sql("select public.finish_run($1, $2)", [cleanup.run, cleanup.attempt]);
    expect(await statusOf(cleanup.run)).toMatchObject({ state: "completed", success: true, kind: "cleanup" });
  });

  test("is a query by its UUID, however it is written", async () => {
    const query = await submitQuery(db, await addDataAgent(db));
    expect(await statusOf(query)).toMatchObject({ task_id: query, kind: "queries", state: "pending", subject: null });
    expect(await statusOf(query.toUpperCase())).toMatchObject({ task_id: query });
  });

  test.each(["0", "99999999999999999999", "x", "", randomUUID(), "1; drop table", null])(
    "that there is not is not found: %j",
    async (id) => {
      expect(await sqlstateOf(statusOf(id))).toBe("ZC126");
    },
  );
});

describe("what goes on", () => {
  test("is what runs at this moment, by queue, oldest first", async () => {
    expect(await ask("list_active_tasks($1)")).toEqual({});
    const one = await startRunningSync(db, await addTable(db));
    const two = await startRunningSync(db, await addTable(db));
    await startSync(db, await addTable(db));
    const runner = await startRunner(db);
    const agent = await addDataAgent(db);
    const query = await submitQuery(db, agent);
    await claimQueries(db, runner, 1);
    await submitQuery(db, agent);
    const active = await ask<Record<string, Task[]>>("list_active_tasks($1)");
    expect(Object.keys(active).sort()).toEqual(["queries", "query", "snowflake-to-duckdb"]);
    expect(active["snowflake-to-duckdb"]?.map(({ task_id }) => task_id)).toEqual([one.run, two.run]);
    expect(active.queries?.map(({ task_id }) => task_id)).toEqual([query]);
    expect(active.query?.map(({ task_id }) => task_id)).toEqual([runner.run]);
  });

  test("is counted for every queue: what runs, waits, and waits for a later moment", async () => {
    const idle = { active: 0, reserved: 0, scheduled: 0 };
    expect(await ask("list_task_queues($1)")).toEqual({
      "kaggle-to-gcs": idle,
      cleanup: idle,
      split: idle,
      aggregate: idle,
      "snowflake-catalog": idle,
      "snowflake-to-duckdb": idle,
      query: idle,
      queries: idle,
    });
    await startRunningSync(db, await addTable(db));
    const { run, attempt } = await startRunningSync(db, await addTable(db));
    await db.sql("select public.fail_run($1, $2, 'snowflake_error', 'Broken', true)", [run, attempt]);
    await startSync(db, await addTable(db));
    await startSync(db, await addTable(db));
    await submitQuery(db, await addDataAgent(db));
    expect(await ask("list_task_queues($1)")).toMatchObject({
      "snowflake-to-duckdb": { active: 1, reserved: 2, scheduled: 1 },
      queries: { active: 0, reserved: 1, scheduled: 0 },
      query: { active: 0, reserved: 1, scheduled: 0 },
      cleanup: idle,
    });
  });
});

describe("the workers", () => {
  test("are nobody where nothing was done", async () => {
    expect(await ask("list_task_workers($1)")).toEqual({
      total: 0,
      active: 0,
      succeeded: 0,
      failed: 0,
      success_rate: null,
      mean_seconds: null,
      workers: [],
    });
  });

  test("are the containers at work, with how the runs of the last day went", async () => {
    const runner = await startRunner(db);
    const query = await submitQuery(db, await addDataAgent(db));
    await claimQueries(db, runner);
    await db.sql("select public.complete_query($1, $2, $3, $4)", [
      runner.run,
      runner.attempt,
      query,
      JSON.stringify(RESULT),
    ]);
    const { run: failed, attempt } = await startRunningSync(db, await addTable(db));
    await db.sql("select public.fail_run($1, $2, 'snowflake_error', 'Broken')", [failed, attempt]);
    await db.sql("select corral.enqueue_run('cleanup', 'bucket')");
    const cleanup = await startRunOf(db, "bucket");
    await db.sql("select public.finish_run($1, $2)", [cleanup.run, cleanup.attempt]);
    const { run_id: launching } = await startSync(db, await addTable(db));
    await db.sql("select public.claim_run($1)", [launching]);
    await startSync(db, await addTable(db));
    await db.sql(
      "update corral.runs set finished_at = started_at + interval '2 seconds' where finished_at is not null",
    );
    await db.sql(
      `insert into corral.runs (kind, subject, max_attempts, state, finished_at)
       values ('cleanup', 'old', 1, 'failed', corral.now() - interval '25 hours')`,
    );
    const catalogs = await call<number>(db, "(select count(*)::int from corral.runs where kind = 'snowflake-catalog')");
    const workers = await ask<Row>("list_task_workers($1)");
    expect(workers).toMatchObject({
      total: 4 + catalogs,
      active: 1,
      succeeded: 1 + catalogs,
      failed: 1,
      success_rate: Math.round(((1 + catalogs) / (2 + catalogs)) * 10_000) / 10_000,
      mean_seconds: 2,
    });
    expect(workers.workers).toEqual([
      {
        name: `execution-${runner.run}`,
        kind: "query",
        run_id: Number(runner.run),
        state: "running",
        started_at: expect.any(String),
        last_seen_at: expect.any(String),
        processed: 1,
      },
      {
        name: `run ${launching}`,
        kind: "snowflake-to-duckdb",
        run_id: Number(launching),
        state: "launching",
        started_at: null,
        last_seen_at: null,
        processed: null,
      },
    ]);
  });
});
