import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import {
  addSyncedTable,
  addTable,
  admitAdmin,
  PUBLISH_SNAPSHOT,
  publishSnapshot,
  SNAPSHOT,
  showSource,
  startRunningSync,
  startRunOf,
  startSync,
  syncOf,
  syncTable,
} from "./data-scene.ts";
import { firstOf, runOf, sqlstateOf } from "./scene.ts";
import { startBlocked } from "./wait-for-lock.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
});
afterAll(() => db.drop());

const taskOf = async (run: string, attempt: number) =>
  firstOf(await db.sql<Row & { outcome: string }>("select * from public.get_sync_task($1, $2)", [run, attempt]));
const snapshotsOf = ({ id }: { id: string }) =>
  db.sql("select * from corral.snapshots where table_id = $1 order by id", [id]);
const tableRow = async ({ id }: { id: string }) =>
  firstOf(await db.sql("select * from corral.tables where id = $1", [id]));

describe("what a sync's container is told", () => {
  test("is the table, a folder for this attempt, and what to do; the sync runs from then on", async () => {
    const table = await addTable(db, { schema: "ÄRZTE", table: "my table/x" });
    const { sync_id } = await startSync(db, table, { batch_size: 10 });
    const { run, attempt } = await startRunOf(db, sync_id);
    expect((await syncOf(db, sync_id)).status).toBe("pending");
    const version = `${sync_id.padStart(9, "0")}-1`;
    expect(await taskOf(run, attempt)).toEqual({
      outcome: "ready",
      sync_id,
      schema_name: "ÄRZTE",
      table_name: "my table/x",
      folder: `%C3%84RZTE/my%20table%2Fx/${version}`,
      version,
      spec: { strategy: "full", batch_size: 10 },
      previous: null,
    });
    expect(await syncOf(db, sync_id)).toMatchObject({ status: "running", started_at: expect.any(Date) });
  });

  test("is the snapshot to build upon, where there is one", async () => {
    const table = await addTable(db);
    const spec = { strategy: "incremental", incremental_key: "ID", primary_key: ["ID"], filter_condition: "ID > 0" };
    const { version } = await syncTable(db, table, spec);
    const { task } = await startRunningSync(db, table);
    expect(task.previous).toEqual({
      version,
      folder: `${table.schema}/${table.table}/${version}`,
      columns: SNAPSHOT.columns,
      watermark: "42",
      row_count: 3,
      moment: "2026-11-21T12:00:00+00:00",
      primary_key: ["ID"],
      incremental_key: "ID",
      filter_condition: "ID > 0",
    });
  });

  test("asked for twice is told twice", async () => {
    const { run, attempt, task } = await startRunningSync(db, await addTable(db));
    expect(await taskOf(run, attempt)).toEqual(task);
  });

  test("is that it is stale, if its attempt is not the newest, or the run of another kind", async () => {
    const { run, attempt, sync } = await startRunningSync(db, await addTable(db));
    const stale = { outcome: "stale", sync_id: null, folder: null };
    expect(await taskOf(run, attempt + 1)).toMatchObject(stale);
    await db.sql("select public.release_run($1, $2)", [run, attempt]);
    expect(await taskOf(run, attempt)).toMatchObject(stale);
    const second = await startRunOf(db, sync);
    expect(await taskOf(run, attempt)).toMatchObject(stale);
    expect((await taskOf(run, second.attempt)).outcome).toBe("ready");
    await db.sql("select corral.enqueue_run('cleanup', 'bucket')");
    const other = await startRunOf(db, "bucket");
    expect(await taskOf(other.run, other.attempt)).toMatchObject(stale);
    expect(await taskOf("424242", 1)).toMatchObject(stale);
  });
});

describe("publishing a snapshot", () => {
  test("moves the table's pointer, and ends the sync and its run", async () => {
    const table = await addTable(db);
    const { sync, run, attempt, task } = await startRunningSync(db, table);
    expect(await publishSnapshot(db, { run, attempt })).toBe("published");
    const snapshot = firstOf(await snapshotsOf(table));
    expect(snapshot).toMatchObject({
      sync_id: sync,
      version: task.version,
      folder: task.folder,
      name: null,
      columns: SNAPSHOT.columns,
      row_count: "3",
      size_bytes: "4096",
      moment: new Date(SNAPSHOT.moment),
      fixed_moment: true,
      watermark: "42",
      certificate: { agrees: true },
    });
    expect((await tableRow(table)).snapshot_id).toBe(snapshot.id);
    expect(await syncOf(db, sync)).toMatchObject({
      status: "completed",
      version: task.version,
      stats: { rows_read: 3 },
      error: null,
      completed_at: expect.any(Date),
    });
    expect(await runOf(db, sync)).toMatchObject({ state: "succeeded", lease_expires_at: null, error_code: null });
  });

  test("keeps the versions before, which a table of another name never touches", async () => {
    const table = await addSyncedTable(db);
    const other = await addSyncedTable(db);
    await syncTable(db, table);
    expect(await snapshotsOf(table)).toHaveLength(2);
    expect((await tableRow(table)).snapshot_id).toBe((await snapshotsOf(table))[1]?.id);
    expect((await tableRow(other)).snapshot_id).toBe(firstOf(await snapshotsOf(other)).id);
  });

  test("names a version that a snapshot sync asked for, by its version unless it has a name", async () => {
    const table = await addTable(db);
    await syncTable(db, table, { strategy: "snapshot", name: "before the move" });
    const { version } = await syncTable(db, table, { strategy: "snapshot" });
    expect((await snapshotsOf(table)).map(({ name }) => name)).toEqual(["before the move", version]);
  });

  test("twice is answered twice, and done once", async () => {
    const table = await addTable(db);
    const attempt = await startRunningSync(db, table);
    expect(await publishSnapshot(db, attempt)).toBe("published");
    expect(await publishSnapshot(db, attempt, { row_count: 4 })).toBe("published");
    expect(await snapshotsOf(table)).toMatchObject([{ row_count: "3" }]);
  });

  test("twice at the same time is the same", async () => {
    const table = await addTable(db);
    const { run, attempt } = await startRunningSync(db, table);
    const params = [run, attempt, JSON.stringify(SNAPSHOT)];
    const first = await db.connect();
    await first.query("begin");
    await first.query(PUBLISH_SNAPSHOT, params);
    const second = await startBlocked(db, PUBLISH_SNAPSHOT, params);
    await first.query("commit");
    expect(await second.result).toEqual({ outcome: "published" });
    expect(await snapshotsOf(table)).toHaveLength(1);
  });

  test("waits for whoever holds the table before it locks its sync, so that neither waits for the other", async () => {
    const table = await addTable(db);
    const { sync, run, attempt } = await startRunningSync(db, table);
    const first = await db.connect();
    await first.query("begin");
    await first.query("select from corral.tables where id = $1 for no key update", [table.id]);
    const second = await startBlocked(db, PUBLISH_SNAPSHOT, [run, attempt, JSON.stringify(SNAPSHOT)]);
    await first.query("select from corral.syncs where id = $1 for no key update nowait", [sync]);
    await first.query("commit");
    expect(await second.result).toEqual({ outcome: "published" });
  });

  test("by an attempt that is no longer current changes nothing", async () => {
    const table = await addTable(db);
    const { sync, run, attempt } = await startRunningSync(db, table);
    await db.sql("select public.release_run($1, $2)", [run, attempt]);
    expect(await publishSnapshot(db, { run, attempt })).toBe("stale");
    const second = await startRunOf(db, sync);
    expect(await publishSnapshot(db, { run, attempt })).toBe("stale");
    expect(await publishSnapshot(db, { run, attempt: 7 })).toBe("stale");
    expect(await snapshotsOf(table)).toEqual([]);
    expect(await publishSnapshot(db, second)).toBe("published");
    expect(await publishSnapshot(db, { run, attempt })).toBe("stale");
    expect(await snapshotsOf(table)).toMatchObject([{ version: expect.stringMatching(/-2$/) }]);
  });

  test("after the sync was cancelled, or has failed, publishes nothing", async () => {
    const table = await addTable(db);
    const cancelled = await startRunningSync(db, table);
    await db.sql("select * from public.cancel_sync($1, $2)", [await admitAdmin(db), cancelled.sync]);
    expect(await publishSnapshot(db, cancelled)).toBe("stale");
    const failed = await startRunningSync(db, table);
    await db.sql("select public.fail_run($1, $2, 'snowflake_error', 'Broken')", [failed.run, failed.attempt]);
    expect(await publishSnapshot(db, failed)).toBe("stale");
    expect(await snapshotsOf(table)).toEqual([]);
    expect((await tableRow(table)).snapshot_id).toBeNull();
  });

  test("of a run of another kind is stale, though that has succeeded", async () => {
    await showSource(db, "OTHER_KIND", []);
    const { id: run, attempt } = await runOf(db, "OTHER_KIND");
    expect(await publishSnapshot(db, { run, attempt })).toBe("stale");
  });

  test("without what readers need is refused whole: the sync goes on", async () => {
    const table = await addTable(db);
    const attempt = await startRunningSync(db, table);
    expect(await sqlstateOf(publishSnapshot(db, attempt, { columns: null, row_count: null }))).toBe("23502");
    expect(await syncOf(db, attempt.sync)).toMatchObject({ status: "running" });
    expect(await publishSnapshot(db, attempt)).toBe("published");
  });
});
