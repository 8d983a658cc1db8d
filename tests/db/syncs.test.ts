import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import {
  addSyncedTable,
  addTable,
  admitAdmin,
  detailsOf,
  killContainer,
  PUBLISH_SNAPSHOT,
  publishSnapshot,
  SNAPSHOT,
  startRunningSync,
  startRunOf,
  startSync,
  syncOf,
  type TableName,
} from "./data-scene.ts";
import { firstOf, runOf, sqlstateOf } from "./scene.ts";
import { startBlocked } from "./wait-for-lock.ts";

let db: TestDatabase;
let first: pg.Client;
beforeAll(async () => {
  db = await cloneDatabase();
  first = await db.connect();
});
afterAll(() => db.drop());

const START = "select (s.sync).* from public.start_sync($1, $2, $3, $4) s";
const CANCEL = "select * from public.cancel_sync($1, $2)";
const UNREGISTER = "select * from public.unregister_table($1, $2, $3)";
const cancel = async (sync: unknown) => firstOf(await db.sql(CANCEL, [await admitAdmin(db), sync]));
const failRun = async ({ run, attempt }: { run: string; attempt: number }, retryable: boolean) =>
  firstOf(
    await db.sql("select public.fail_run($1, $2, 'snowflake_error', 'Broken', $3) as outcome", [
      run,
      attempt,
      retryable,
    ]),
  ).outcome;
const syncsOf = (table: { id: string }) =>
  db.sql<{ id: string; state: string }>("select id, state from corral.syncs where table_id = $1 order by id", [
    table.id,
  ]);

/** Runs a statement on the first connection and holds its locks until `commit`. */
async function hold(statement: string, params: unknown[]): Promise<Row> {
  await first.query("begin");
  return firstOf((await first.query(statement, params)).rows);
}
const commit = () => first.query("commit");

describe("starting a sync", () => {
  test("makes it and its run, on record", async () => {
    const table = await addTable(db);
    const call = await admitAdmin(db);
    const spec = { strategy: "incremental", incremental_key: "ID", max_retries: 2 };
    const rows = await db.sql(START, [call, table.schema.toLowerCase(), table.table, JSON.stringify(spec)]);
    const { id: run, max_attempts } = await runOf(db, String(firstOf(rows).sync_id));
    expect(rows).toEqual([
      {
        sync_id: expect.any(String),
        table_name: table.table,
        schema_name: table.schema,
        strategy: "incremental",
        status: "pending",
        started_at: null,
        completed_at: null,
        error: null,
        error_code: null,
        stats: null,
        progress: null,
        run_id: run,
        created_at: expect.any(Date),
        version: null,
      },
    ]);
    expect(max_attempts).toBe(3);
    expect(await detailsOf(db, call)).toEqual([
      { sync_id: Number(firstOf(rows).sync_id), spec, tables: [{ table: `${table.schema}.${table.table}` }] },
    ]);
  });

  test("is a full one unless told otherwise, repeated as often as other runs", async () => {
    const { schema, table } = await addTable(db);
    const sync = firstOf(await db.sql(START, [await admitAdmin(db), schema, table, "{}"]));
    expect(sync.strategy).toBe("full");
    expect((await runOf(db, String(sync.sync_id))).max_attempts).toBe(5);
  });

  test("is refused while one is live, which it names", async () => {
    const table = await addTable(db);
    const { sync_id } = await startSync(db, table);
    await expect(startSync(db, table)).rejects.toMatchObject({
      code: "ZC122",
      message: `Cannot start sync "${table.schema}.${table.table}": one is running (sync ${sync_id}). Cancel it first.`,
    });
    await startRunOf(db, sync_id);
    expect(await sqlstateOf(startSync(db, table))).toBe("ZC122");
    await startSync(db, await addTable(db));
  });

  test.each([
    [{ strategy: "incremental" }],
    [{ strategy: "full", detect_deletes: true }],
    [{ strategy: "full", detect_deletes: true, primary_key: null }],
    [{ strategy: "full", detect_deletes: true, primary_key: [] }],
    [{ strategy: "full", name: "v1" }],
    [{ name: "v1" }],
  ])("is refused where the options do not fit: %j", async (spec) => {
    const { schema, table } = await addTable(db);
    const start = db.sql(START, [await admitAdmin(db), schema, table, JSON.stringify(spec)]);
    expect(await sqlstateOf(start)).toBe("ZC124");
    const schedule = db.sql("select * from public.set_schedule($1, $2, $3, '* * * * *', $4)", [
      await admitAdmin(db),
      schema,
      table,
      JSON.stringify(spec),
    ]);
    expect(await sqlstateOf(schedule)).toBe("ZC124");
  });

  test.each([
    [{ strategy: "incremental", incremental_key: "ID" }],
    [{ strategy: "full", detect_deletes: true, primary_key: ["ID"] }],
    [{ strategy: "full", detect_deletes: false }],
    [{ strategy: "snapshot", name: "v1" }],
    [{ strategy: "snapshot" }],
    [{ strategy: "full", name: null, incremental_key: null }],
  ])("is accepted where they do: %j", async (spec) => {
    expect(await startSync(db, await addTable(db), spec)).toMatchObject({ status: "pending" });
  });

  test("twice at the same time starts one", async () => {
    const table = await addTable(db);
    const params = async () => [await admitAdmin(db), table.schema, table.table, "{}"];
    await hold(START, await params());
    const second = await startBlocked(db, START, await params());
    await commit();
    expect(await sqlstateOf(second.result)).toBe("ZC122");
    expect(await syncsOf(table)).toHaveLength(1);
  });

  test("while the one before is being published starts the next", async () => {
    const table = await addTable(db);
    const { run, attempt } = await startRunningSync(db, table);
    await hold(PUBLISH_SNAPSHOT, [run, attempt, JSON.stringify(SNAPSHOT)]);
    const second = await startBlocked(db, START, [await admitAdmin(db), table.schema, table.table, "{}"]);
    await commit();
    expect(await second.result).toMatchObject({ status: "pending" });
    expect((await syncsOf(table)).map(({ state }) => state)).toEqual(["completed", "pending"]);
  });
});

describe("a sync", () => {
  test("that there is not is not found", async () => {
    const call = await admitAdmin(db);
    expect(await sqlstateOf(db.sql("select * from public.get_sync($1, 4242)", [call]))).toBe("ZC121");
    expect(await sqlstateOf(cancel(4242))).toBe("ZC121");
    expect(await sqlstateOf(cancel(null))).toBe("ZC121");
  });

  test("shows how far its run is", async () => {
    const { sync, run, attempt } = await startRunningSync(db, await addTable(db));
    await db.sql("select public.report_progress($1, $2, 'unloading', '{\"rows\": 7}')", [run, attempt]);
    expect(await syncOf(db, sync)).toMatchObject({
      status: "running",
      started_at: expect.any(Date),
      progress: { phase: "unloading", rows: 7 },
    });
  });

  test("is listed before those that began earlier, as many as asked for", async () => {
    const { sync_id: older } = await startSync(db, await addTable(db));
    const { sync_id: newer } = await startSync(db, await addTable(db));
    const list = async (limit: number) =>
      (await db.sql("select sync_id from public.list_syncs($1, $2)", [await admitAdmin(db), limit])).map(
        (s) => s.sync_id,
      );
    expect(await list(2)).toEqual([newer, older]);
    expect(await list(1)).toEqual([newer]);
  });

  test("whose attempt fails is repeated as the same sync, and fails when its attempts are used up", async () => {
    const table = await addTable(db);
    const started = await startRunningSync(db, table, { max_retries: 1 });
    const { started_at } = await syncOf(db, started.sync);
    expect(await failRun(started, true)).toBe("retrying");
    expect(await syncOf(db, started.sync)).toMatchObject({ status: "running", error: null });
    await db.sql("update corral.runs set run_after = corral.now() where id = $1", [started.run]);
    const second = await startRunOf(db, started.sync);
    expect(second).toEqual({ run: started.run, attempt: 2 });
    const task = firstOf(await db.sql("select * from public.get_sync_task($1, 2)", [started.run]));
    expect(task).toMatchObject({ outcome: "ready", sync_id: started.sync, version: expect.stringMatching(/-2$/) });
    expect((await syncOf(db, started.sync)).started_at).toEqual(started_at);
    expect(await failRun(second, true)).toBe("failed");
    expect(await syncOf(db, started.sync)).toMatchObject({
      status: "failed",
      error_code: "snowflake_error",
      error: "Broken",
      completed_at: expect.any(Date),
    });
    expect(await startSync(db, table)).toMatchObject({ status: "pending" });
  });

  test("whose attempt cannot be helped fails at once; the last snapshot goes on serving", async () => {
    const table = await addSyncedTable(db);
    const started = await startRunningSync(db, table);
    expect(await failRun(started, false)).toBe("failed");
    expect(await syncOf(db, started.sync)).toMatchObject({ status: "failed" });
    const status = await db.sql("select version from public.get_table_status($1, $2, $3)", [
      await admitAdmin(db),
      table.schema,
      table.table,
    ]);
    expect(status).toEqual([{ version: table.version }]);
  });

  test("whose container dies is repeated by the sweep, in the end given up", async () => {
    const table = await addTable(db);
    const started = await startRunningSync(db, table, { max_retries: 1 });
    await killContainer(db, started);
    expect(await syncOf(db, started.sync)).toMatchObject({ status: "running" });
    expect(await runOf(db, started.sync)).toMatchObject({ state: "queued", failures: 1 });
    await db.sql("update corral.runs set run_after = corral.now() where id = $1", [started.run]);
    await killContainer(db, await startRunOf(db, started.sync));
    expect(await syncOf(db, started.sync)).toMatchObject({ status: "failed", error_code: "lease_expired" });
  });

  test("whose run is told to stop goes on as the same sync", async () => {
    const started = await startRunningSync(db, await addTable(db));
    await db.sql("select public.release_run($1, $2)", [started.run, started.attempt]);
    expect(await syncOf(db, started.sync)).toMatchObject({ status: "running" });
    expect(await startRunOf(db, started.sync)).toEqual({ run: started.run, attempt: 2 });
  });

  test("is not ended by whoever ends runs without publishing", async () => {
    const { run, attempt, sync } = await startRunningSync(db, await addTable(db));
    const rows = await db.sql("select public.finish_run($1, $2) as outcome", [run, attempt]);
    expect(rows).toEqual([{ outcome: "stale" }]);
    expect(await syncOf(db, sync)).toMatchObject({ status: "running" });
  });
});

describe("cancelling a sync", () => {
  const inState: Record<string, (table: TableName) => Promise<string>> = {
    pending: async (table) => (await startSync(db, table)).sync_id,
    launching: async (table) => {
      const { sync_id, run_id } = await startSync(db, table);
      await db.sql("select public.claim_run($1)", [run_id]);
      return sync_id;
    },
    running: async (table) => (await startRunningSync(db, table)).sync,
    "waiting to be repeated": async (table) => {
      const started = await startRunningSync(db, table);
      await failRun(started, true);
      return started.sync;
    },
  };

  test.each(Object.entries(inState))(
    "that is %s ends it and its run, and makes room for the next",
    async (_, bring) => {
      const table = await addTable(db);
      const sync = await bring(table);
      const call = await admitAdmin(db);
      expect(firstOf(await db.sql(CANCEL, [call, sync]))).toMatchObject({
        status: "cancelled",
        completed_at: expect.any(Date),
      });
      expect(await runOf(db, sync)).toMatchObject({ state: "cancelled", lease_expires_at: null });
      expect(await detailsOf(db, call)).toEqual([{ sync_id: Number(sync) }]);
      expect(await startSync(db, table)).toMatchObject({ status: "pending" });
    },
  );

  test("twice is answered as the first time", async () => {
    const { sync_id } = await startSync(db, await addTable(db));
    const { completed_at } = await cancel(sync_id);
    expect(await cancel(sync_id)).toMatchObject({ status: "cancelled", completed_at });
  });

  test.each([
    ["completed", async (started: { run: string; attempt: number }) => void (await publishSnapshot(db, started))],
    ["failed", async (started: { run: string; attempt: number }) => void (await failRun(started, false))],
  ])("that has %s is refused, and changes nothing", async (state, end) => {
    const started = await startRunningSync(db, await addTable(db));
    await end(started);
    await expect(cancel(started.sync)).rejects.toMatchObject({
      code: "ZC123",
      message: `The sync is over: it has ${state}`,
    });
    expect(await syncOf(db, started.sync)).toMatchObject({ status: state });
  });

  test("makes its container stop, whose failure then changes nothing", async () => {
    const started = await startRunningSync(db, await addTable(db));
    await cancel(started.sync);
    const { run, attempt } = started;
    expect(firstOf(await db.sql("select public.report_progress($1, $2, 'x') as outcome", [run, attempt])).outcome).toBe(
      "stop",
    );
    expect(await failRun(started, true)).toBe("stale");
    expect(await syncOf(db, started.sync)).toMatchObject({ status: "cancelled", error: null });
  });

  test("while it is published loses: the sync has completed", async () => {
    const { sync, run, attempt } = await startRunningSync(db, await addTable(db));
    await hold(PUBLISH_SNAPSHOT, [run, attempt, JSON.stringify(SNAPSHOT)]);
    const second = await startBlocked(db, CANCEL, [await admitAdmin(db), sync]);
    await commit();
    expect(await sqlstateOf(second.result)).toBe("ZC123");
  });

  test("before it is published wins: the publication is stale, and publishes nothing", async () => {
    const table = await addTable(db);
    const { sync, run, attempt } = await startRunningSync(db, table);
    await hold(CANCEL, [await admitAdmin(db), sync]);
    const second = await startBlocked(db, PUBLISH_SNAPSHOT, [run, attempt, JSON.stringify(SNAPSHOT)]);
    await commit();
    expect(await second.result).toEqual({ outcome: "stale" });
    expect(await db.sql("select from corral.snapshots where table_id = $1", [table.id])).toEqual([]);
  });

  test("while the sweep gives its run up: it has failed", async () => {
    const started = await startRunningSync(db, await addTable(db), { max_retries: 0 });
    await db.sql("update corral.runs set lease_expires_at = corral.now() - interval '1 second' where id = $1", [
      started.run,
    ]);
    await hold("select * from corral.sweep()", []);
    const second = await startBlocked(db, CANCEL, [await admitAdmin(db), started.sync]);
    await commit();
    expect(await sqlstateOf(second.result)).toBe("ZC123");
    expect(await syncOf(db, started.sync)).toMatchObject({ status: "failed" });
  });

  test("is not waited for by the sweep, which leaves the run to the next", async () => {
    const started = await startRunningSync(db, await addTable(db));
    await db.sql("update corral.runs set lease_expires_at = corral.now() - interval '1 second' where id = $1", [
      started.run,
    ]);
    await hold(CANCEL, [await admitAdmin(db), started.sync]);
    await db.sql("select * from corral.sweep()");
    await commit();
    expect(await runOf(db, started.sync)).toMatchObject({ state: "cancelled", failures: 0 });
  });
});

describe("taking a table off the list", () => {
  test("while its sync is published waits, and cancels nothing", async () => {
    const table = await addTable(db);
    const { sync, run, attempt } = await startRunningSync(db, table);
    await hold(PUBLISH_SNAPSHOT, [run, attempt, JSON.stringify(SNAPSHOT)]);
    const second = await startBlocked(db, UNREGISTER, [await admitAdmin(db), table.schema, table.table]);
    await commit();
    expect(await second.result).toMatchObject({ status: "inactive" });
    expect(await syncOf(db, sync)).toMatchObject({ status: "completed" });
  });

  test("before its sync is published: nothing is", async () => {
    const table = await addTable(db);
    const { run, attempt } = await startRunningSync(db, table);
    await hold(UNREGISTER, [await admitAdmin(db), table.schema, table.table]);
    const second = await startBlocked(db, PUBLISH_SNAPSHOT, [run, attempt, JSON.stringify(SNAPSHOT)]);
    await commit();
    expect(await second.result).toEqual({ outcome: "stale" });
  });
});
