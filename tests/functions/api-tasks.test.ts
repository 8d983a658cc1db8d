import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startApi } from "./start-api.ts";

let api: Awaited<ReturnType<typeof startApi>>;
let sync: { sync_id: number; run_id: number };
let attempt: { run: number; attempt: number };
beforeAll(async () => {
  api = await startApi();
  const schema = await api.addSchema("ORDERS");
  const table = { table_name: "ORDERS", schema_name: schema };
  await api.post("sync/tables/register", table);
  sync = (await api.post("sync/start", table)).body;
});
afterAll(() => api.close());

const status = (id: unknown) => api.call(`tasks/status/${id}`);

// One after the other: a run on its way.
describe("/api/v1/tasks", () => {
  test("shows a run that waits for its container", async () => {
    expect(await status(sync.run_id)).toMatchObject({
      status: 200,
      body: {
        task_id: String(sync.run_id),
        kind: "snowflake-to-duckdb",
        subject: String(sync.sync_id),
        state: "pending",
        success: null,
        error: null,
        attempt: 0,
        started_at: null,
        finished_at: null,
        duration_seconds: null,
      },
    });
    expect((await api.call("tasks/active")).body).toEqual({});
    expect((await api.call("tasks/queues")).body).toMatchObject({
      "snowflake-to-duckdb": { active: 0, reserved: 1, scheduled: 0 },
      "kaggle-to-gcs": { active: 0, reserved: 0, scheduled: 0 },
      queries: { active: 0, reserved: 0, scheduled: 0 },
    });
    expect((await api.call("tasks/workers")).body).toEqual({
      total: 0,
      active: 0,
      succeeded: 0,
      failed: 0,
      success_rate: null,
      mean_seconds: null,
      workers: [],
    });
  });

  test("shows a run that is at work, and its container", async () => {
    attempt = await api.startRun("snowflake-to-duckdb", String(sync.sync_id));
    await api.asService("select public.report_progress($1, $2, 'unloading', $3)", [
      attempt.run,
      attempt.attempt,
      { rows: 12 },
    ]);
    const task = {
      task_id: String(sync.run_id),
      state: "running",
      success: null,
      attempt: 1,
      progress: { phase: "unloading", rows: 12 },
      duration_seconds: expect.any(Number),
    };
    expect((await status(sync.run_id)).body).toMatchObject(task);
    expect((await api.call("tasks/active")).body).toMatchObject({ "snowflake-to-duckdb": [task] });
    expect((await api.call("tasks/queues")).body).toMatchObject({
      "snowflake-to-duckdb": { active: 1, reserved: 0, scheduled: 0 },
    });
    expect((await api.call("tasks/workers")).body).toMatchObject({
      total: 1,
      active: 1,
      workers: [
        {
          name: "container-1",
          kind: "snowflake-to-duckdb",
          run_id: sync.run_id,
          state: "running",
          started_at: expect.any(String),
          last_seen_at: expect.any(String),
          processed: null,
        },
      ],
    });
  });

  test("shows how a run ended", async () => {
    await api.asService("select public.fail_run($1, $2, 'snowflake_error', 'No such warehouse', false)", [
      attempt.run,
      attempt.attempt,
    ]);
    expect((await status(sync.run_id)).body).toMatchObject({
      state: "failed",
      success: false,
      error: "No such warehouse",
      error_code: "snowflake_error",
      finished_at: expect.any(String),
    });
    expect((await api.call("tasks/active")).body).toEqual({});
    expect((await api.call("tasks/workers")).body).toMatchObject({
      total: 1,
      active: 0,
      succeeded: 0,
      failed: 1,
      success_rate: 0,
      mean_seconds: expect.any(Number),
      workers: [],
    });
  });

  test.for(["999999", "0", randomUUID(), "rain", "99999999999999999999", "1.5", "%F0%9F%8C%A7"])(
    "answers 404 to %s, which is no task",
    async (id) => {
      expect(await status(id)).toMatchObject({ status: 404, body: { code: "run_not_found" } });
    },
  );
});
