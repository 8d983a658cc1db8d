import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import { addTable, admitAdmin, detailsOf, startRunOf, syncOf, type TableName } from "./data-scene.ts";
import { firstOf, runOf } from "./scene.ts";
import { startBlocked } from "./wait-for-lock.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
});
afterAll(() => db.drop());

const syncsOf = (table: { id: string }) =>
  db.sql<{ id: string }>("select id from corral.syncs where table_id = $1 order by id", [table.id]);

describe("a schedule", () => {
  const set = async ({ schema, table }: TableName, cron: string | null, spec: Row | null = null, call?: string) =>
    firstOf(
      await db.sql("select * from public.set_schedule($1, $2, $3, $4, $5)", [
        call ?? (await admitAdmin(db)),
        schema,
        table,
        cron,
        spec && JSON.stringify(spec),
      ]),
    );
  const jobsOf = ({ id }: { id: string }) =>
    db.sql<{ command: string }>(
      "select schedule, command, username, active from cron.job where jobname = 'corral-sync-' || $1",
      [id],
    );

  test("is a job of pg_cron, which starts the sync that was asked for", async () => {
    const table = await addTable(db);
    const spec = { strategy: "incremental", incremental_key: "ID", max_retries: 0 };
    const call = await admitAdmin(db);
    expect(await set(table, "0 3 * * *", spec, call)).toEqual({ schedule: "0 3 * * *", spec });
    const name = `${table.schema}.${table.table}`;
    expect(await detailsOf(db, call)).toEqual([{ schedule: "0 3 * * *", spec, tables: [{ table: name }] }]);
    const jobs = await jobsOf(table);
    expect(jobs).toEqual([
      {
        schedule: "0 3 * * *",
        command: `select corral.start_scheduled_sync(${table.id})`,
        username: "postgres",
        active: true,
      },
    ]);
    await db.sql(firstOf(jobs).command);
    const sync = firstOf(await syncsOf(table));
    expect(await syncOf(db, sync.id)).toMatchObject({ strategy: "incremental", status: "pending" });
    expect((await runOf(db, sync.id)).max_attempts).toBe(1);
    // The one that is live makes the next wait for its turn.
    await db.sql(firstOf(jobs).command);
    expect(await syncsOf(table)).toHaveLength(1);
    await db.sql("select public.cancel_sync($1, $2)", [await admitAdmin(db), sync.id]);
    await db.sql(firstOf(jobs).command);
    expect(await syncsOf(table)).toHaveLength(2);
  });

  test("without options starts full syncs", async () => {
    const table = await addTable(db);
    await set(table, "30 seconds");
    await db.sql("select corral.start_scheduled_sync($1)", [table.id]);
    const { id } = firstOf(await syncsOf(table));
    expect(await syncOf(db, id)).toMatchObject({ strategy: "full" });
    const { run, attempt } = await startRunOf(db, id);
    expect(firstOf(await db.sql("select spec from public.get_sync_task($1, $2)", [run, attempt])).spec).toEqual({
      strategy: "full",
    });
  });

  test("replaces the one before, and null ends it", async () => {
    const table = await addTable(db);
    await set(table, "0 3 * * *");
    await set(table, "0 4 * * *");
    expect(await jobsOf(table)).toMatchObject([{ schedule: "0 4 * * *" }]);
    expect(await set(table, null)).toEqual({ schedule: null, spec: null });
    expect(await jobsOf(table)).toEqual([]);
    expect(await set(table, null)).toEqual({ schedule: null, spec: null });
    await db.sql("select corral.start_scheduled_sync($1)", [table.id]);
    expect(await syncsOf(table)).toEqual([]);
  });

  test("that is no cron expression is refused, and the one before stays", async () => {
    const table = await addTable(db);
    await set(table, "0 3 * * *", { strategy: "full" });
    await expect(set(table, "every day")).rejects.toMatchObject({
      code: "ZC125",
      message: expect.stringContaining('"every day" is no cron expression'),
    });
    expect(await jobsOf(table)).toMatchObject([{ schedule: "0 3 * * *" }]);
    const { schedule, schedule_spec } = firstOf(await db.sql("select * from corral.tables where id = $1", [table.id]));
    expect({ schedule, schedule_spec }).toEqual({ schedule: "0 3 * * *", schedule_spec: { strategy: "full" } });
  });

  test("whose time comes while the table is taken off the list starts nothing", async () => {
    const table = await addTable(db);
    await set(table, "0 3 * * *");
    const first = await db.connect();
    await first.query("begin");
    await first.query("select public.unregister_table($1, $2, $3)", [await admitAdmin(db), table.schema, table.table]);
    const second = await startBlocked(db, "select corral.start_scheduled_sync($1)", [table.id]);
    await first.query("commit");
    await second.result;
    expect(await syncsOf(table)).toEqual([]);
  });

  test("of a table that is off the list starts nothing, even where its job is left", async () => {
    const table = await addTable(db);
    await db.sql("update corral.tables set is_active = false, schedule = '* * * * *' where id = $1", [table.id]);
    await db.sql("select corral.start_scheduled_sync($1)", [table.id]);
    expect(await syncsOf(table)).toEqual([]);
  });
});
