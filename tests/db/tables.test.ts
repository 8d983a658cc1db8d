import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import {
  addDataAgent,
  addSyncedTable,
  addTable,
  admitAdmin,
  admitAgent,
  detailsOf,
  grantTable,
  showSource,
  startRunOf,
  startSync,
  syncOf,
} from "./data-scene.ts";
import { firstOf, runOf, runsOf, sqlstateOf } from "./scene.ts";
import { startBlocked } from "./wait-for-lock.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
});
afterAll(() => db.drop());

const browse = async (schema: string, run: unknown = null, call?: string) =>
  firstOf(
    await db.sql<Row & { run_id: string | null }>("select * from public.browse_source($1, $2, $3)", [
      call ?? (await admitAdmin(db)),
      schema,
      run,
    ]),
  );
const REGISTER = "select * from public.register_table($1, $2, $3, $4, $5)";
const register = async (schema: string, table: string, options: Row = {}, run: unknown = null, call?: string) =>
  firstOf(
    await db.sql<Row & { run_id: string | null }>(REGISTER, [
      call ?? (await admitAdmin(db)),
      schema,
      table,
      JSON.stringify(options),
      run,
    ]),
  );
const UNREGISTER = "select * from public.unregister_table($1, $2, $3)";
const unregister = async (schema: string, table: string) =>
  firstOf(await db.sql(UNREGISTER, [await admitAdmin(db), schema, table]));
const statusOf = async (schema: string | null, table: string) =>
  firstOf(await db.sql("select * from public.get_table_status($1, $2, $3)", [await admitAdmin(db), schema, table]));
const asOwner = (expression: string, params: unknown[]) =>
  db.sql(`select ${expression} as answer`, params).then((rows) => firstOf(rows).answer);

describe("a look at a schema of Snowflake", () => {
  test("starts one run, which all who ask wait for, and shows what it saw", async () => {
    const first = await browse("LOOK_A");
    expect(first).toMatchObject({ state: "waiting", run_id: expect.any(String), tables: null });
    expect(await browse("look_a")).toMatchObject({ state: "waiting", run_id: first.run_id });
    const { run, attempt } = await startRunOf(db, "LOOK_A");
    expect(await asOwner("public.get_catalog_task($1, $2)", [run, attempt])).toBe("(ready,LOOK_A)");
    const tables = [
      { table_name: "B", row_count: 2, size_bytes: 3, last_modified: "2026-11-21T12:00:00+00:00" },
      { table_name: "A", row_count: null, size_bytes: null, last_modified: null },
    ];
    const schemas = JSON.stringify([{ schema_name: "LOOK_A", tables }]);
    expect(await asOwner("public.publish_catalog($1, $2, $3)", [run, attempt, schemas])).toBe("published");
    expect(await browse("look_a", run)).toMatchObject({ state: "fresh", run_id: null, tables: tables.toReversed() });
    expect(await runsOf(db, "LOOK_A")).toHaveLength(1);
  });

  test("replaces what was seen before; a schema without tables is an empty list", async () => {
    await showSource(db, "LOOK_B", ["OLD", "KEPT"]);
    await showSource(db, "LOOK_B", ["KEPT"]);
    expect(await browse("LOOK_B")).toMatchObject({ state: "fresh", tables: [{ table_name: "KEPT" }] });
    await showSource(db, "LOOK_B", []);
    expect(await browse("LOOK_B")).toMatchObject({ state: "fresh", tables: [] });
  });

  test("counts for a minute; what was seen after the call came in counts however long it took", async () => {
    await showSource(db, "LOOK_C", ["T"]);
    const age = (seconds: number) =>
      db.sql(
        "update corral.source_schemas set listed_at = corral.now() - make_interval(secs => $1) where schema_name = 'LOOK_C'",
        [seconds],
      );
    await age(50);
    expect((await browse("LOOK_C")).state).toBe("fresh");
    await age(70);
    expect((await browse("LOOK_C")).state).toBe("waiting");
    const call = await admitAdmin(db);
    await db.sql("update corral.settings set catalog_seconds = 0");
    try {
      await age(1);
      expect((await browse("LOOK_C", null, call)).state).toBe("waiting");
      await age(-1);
      expect((await browse("LOOK_C", null, call)).state).toBe("fresh");
    } finally {
      await db.sql("update corral.settings set catalog_seconds = default");
    }
  });

  test("tells whoever waited how the run failed; who asks anew starts another", async () => {
    const { run_id } = await browse("LOOK_D");
    const { run, attempt } = await startRunOf(db, "LOOK_D");
    await db.sql("select public.fail_run($1, $2, 'snowflake_unauthorized', 'Wrong password')", [run, attempt]);
    expect(await browse("LOOK_D", run_id)).toEqual({
      state: "failed",
      run_id,
      error_code: "snowflake_unauthorized",
      error_message: "Wrong password",
      tables: null,
    });
    const again = await browse("LOOK_D");
    expect(again.state).toBe("waiting");
    expect(again.run_id).not.toBe(run_id);
  });

  test("that has failed does not matter once the list is fresh", async () => {
    const { run_id } = await browse("LOOK_E");
    const { run, attempt } = await startRunOf(db, "LOOK_E");
    await db.sql("select public.fail_run($1, $2, 'snowflake_error', 'Broken')", [run, attempt]);
    await showSource(db, "LOOK_E", ["T"]);
    expect((await browse("LOOK_E", run_id)).state).toBe("fresh");
  });

  test("is published by the current attempt only, and the same publication twice is answered twice", async () => {
    await browse("LOOK_F");
    const { run } = await startRunOf(db, "LOOK_F");
    const publish = (attempt: number) => asOwner("public.publish_catalog($1, $2, '[]')", [run, attempt]);
    expect(await publish(2)).toBe("stale");
    expect(await asOwner("public.get_catalog_task($1, 2)", [run])).toBe("(stale,)");
    expect(await publish(1)).toBe("published");
    expect(await publish(1)).toBe("published");
    expect(await asOwner("public.get_catalog_task($1, 1)", [run])).toBe("(stale,)");
    const { sync_id } = await startSync(db, await addTable(db));
    const other = await startRunOf(db, sync_id);
    expect(await asOwner("public.publish_catalog($1, $2, '[]')", [other.run, other.attempt])).toBe("stale");
    expect(await asOwner("public.get_catalog_task($1, $2)", [other.run, other.attempt])).toBe("(stale,)");
  });
});

describe("registering a table", () => {
  test("waits for a look at its schema, and makes it known as Snowflake writes it", async () => {
    const waiting = await register("reg_a", "orders");
    expect(waiting).toMatchObject({ state: "waiting", table_id: null });
    await showSource(db, "REG_A", ["ORDERS"]);
    const call = await admitAdmin(db);
    expect(
      await register("reg_a", "orders", { description: "Orders", tags: ["a", "b"] }, waiting.run_id, call),
    ).toEqual({
      state: "fresh",
      run_id: null,
      error_code: null,
      error_message: null,
      table_id: expect.any(String),
      table_name: "ORDERS",
      schema_name: "REG_A",
      status: "active",
    });
    expect(await detailsOf(db, call)).toEqual([
      { tables: [{ table: "REG_A.ORDERS" }], options: { description: "Orders", tags: ["a", "b"] } },
    ]);
    expect(await statusOf("reg_a", "orders")).toMatchObject({
      status: "active",
      description: "Orders",
      tags: ["a", "b"],
      version: null,
      last_sync_id: null,
    });
  });

  test("looks again for what an older list does not show, and refuses what a newer one lacks", async () => {
    await showSource(db, "REG_C", ["A"]);
    const call = await admitAdmin(db);
    const waiting = await register("REG_C", "B", {}, null, call);
    expect(waiting).toMatchObject({ state: "waiting", run_id: expect.any(String) });
    await showSource(db, "REG_C", ["A", "B"]);
    expect(await register("REG_C", "B", {}, waiting.run_id, call)).toMatchObject({ state: "fresh", table_name: "B" });
    expect(await sqlstateOf(register("REG_C", "C", {}, null, call))).toBe("ZC114");
  });

  test("tells whoever waited how the look failed", async () => {
    const { run_id } = await register("REG_D", "A");
    const { run, attempt } = await startRunOf(db, "REG_D");
    await db.sql("select public.fail_run($1, $2, 'snowflake_unauthorized', 'Wrong password')", [run, attempt]);
    expect(await register("REG_D", "A", {}, run_id)).toMatchObject({
      state: "failed",
      error_message: "Wrong password",
    });
    await showSource(db, "REG_D", []);
    const call = await admitAdmin(db);
    const { run_id: again } = await register("REG_D", "A", {}, null, call);
    const second = await startRunOf(db, "REG_D");
    await db.sql("select public.fail_run($1, $2, 'snowflake_error', 'Broken')", [second.run, second.attempt]);
    expect(await register("REG_D", "A", {}, again, call)).toMatchObject({ state: "failed", error_message: "Broken" });
  });

  test("with a grant lets a swarm see it, the swarm default unless named", async () => {
    await showSource(db, "REG_E", ["T"]);
    await register("REG_E", "T", { grant: true, hidden_columns: ["A"], masked_columns: ["B"] });
    await register("REG_E", "T", { grant: true, swarm: "reg-e" });
    await register("REG_E", "T", { grant: false, swarm: "reg-f" });
    const grants = await db.sql("select * from public.list_grants($1, 'REG_E', 'T')", [await admitAdmin(db)]);
    expect(grants).toMatchObject([
      { swarm: "default", hidden_columns: ["A"], masked_columns: ["B"] },
      { swarm: "reg-e", hidden_columns: [], masked_columns: [] },
    ]);
  });

  test("anew changes only what is said anew", async () => {
    const { id, schema, table } = await addTable(db, { description: "Old", tags: ["a"] });
    expect((await register(schema, table)).table_id).toBe(id);
    expect(await statusOf(schema, table)).toMatchObject({ description: "Old", tags: ["a"] });
    await register(schema, table, { description: "New" });
    expect(await statusOf(schema, table)).toMatchObject({ description: "New", tags: ["a"] });
    await register(schema, table, { tags: ["b"] });
    expect(await statusOf(schema, table)).toMatchObject({ description: "New", tags: ["b"] });
    await register(schema, table, { tags: null });
    expect(await statusOf(schema, table)).toMatchObject({ tags: [] });
  });

  test("is for admins, as are all these", async () => {
    const call = await admitAgent(db, await addDataAgent(db));
    const { schema, table } = await addTable(db);
    for (const statement of [
      "public.browse_source($1, $2)",
      "public.register_table($1, $2, $3)",
      "public.unregister_table($1, $2, $3)",
      "public.update_table($1, $2, $3, '{}')",
      "public.get_table_status($1, $2, $3)",
      "public.list_tables($1)",
      "public.list_snapshots($1, $2, $3)",
      "public.grant_table($1, $2, $3, 'default')",
      "public.revoke_grant($1, $2, $3, 'default')",
      "public.list_grants($1, $2, $3)",
      "public.start_sync($1, $2, $3, '{}')",
      "public.get_sync($1, 1)",
      "public.list_syncs($1)",
      "public.cancel_sync($1, 1)",
      "public.set_schedule($1, $2, $3)",
      "public.get_task_status($1, '1')",
      "public.list_active_tasks($1)",
      "public.list_task_queues($1)",
      "public.list_task_workers($1)",
    ]) {
      const params = [call, schema, table].slice(
        0,
        Math.max(...[...statement.matchAll(/\$(\d)/g)].map((m) => Number(m[1]))),
      );
      expect(await sqlstateOf(db.sql(`select * from ${statement}`, params)), statement).toBe("ZC102");
    }
  });
});

describe("a registered table", () => {
  test("is described anew in what is named, on record", async () => {
    const { id, schema, table } = await addTable(db, { description: "Old", tags: ["a"] });
    const call = await admitAdmin(db);
    const update = async (changes: Row, by = call) =>
      firstOf(
        await db.sql("select public.update_table($1, $2, $3, $4) as id", [by, schema, table, JSON.stringify(changes)]),
      ).id;
    expect(await update({ tags: ["b"] })).toBe(id);
    expect(await statusOf(schema, table)).toMatchObject({ description: "Old", tags: ["b"] });
    await update({ description: null });
    expect(await statusOf(schema, table)).toMatchObject({ description: null, tags: ["b"] });
    await update({ tags: null });
    expect(await statusOf(schema, table)).toMatchObject({ tags: [] });
    expect(firstOf(await detailsOf(db, call))).toEqual({ tags: ["b"], tables: [{ table: `${schema}.${table}` }] });
  });

  test("is listed with its newest sync, by schema and name", async () => {
    const { id, version } = await addSyncedTable(db, { schema: "LISTED", table: "B" });
    await addTable(db, { schema: "LISTED", table: "A" });
    const rows = await db.sql("select * from public.list_tables($1) where schema_name = 'LISTED'", [
      await admitAdmin(db),
    ]);
    expect(rows).toMatchObject([
      { table_name: "A", version: null, last_sync_status: null, strategy: null },
      { table_id: id, table_name: "B", version, row_count: "3", last_sync_status: "completed", strategy: "full" },
    ]);
  });

  test("shows the error of its newest sync", async () => {
    const table = await addSyncedTable(db);
    const { sync_id } = await startSync(db, table, { strategy: "incremental", incremental_key: "ID" });
    const { run, attempt } = await startRunOf(db, sync_id);
    await db.sql("select public.fail_run($1, $2, 'snowflake_error', 'Broken')", [run, attempt]);
    expect(await statusOf(table.schema, table.table)).toMatchObject({
      last_sync_id: sync_id,
      last_sync_status: "failed",
      last_error: "Broken",
      strategy: "incremental",
      version: table.version,
    });
  });
});

describe("taking a table off the list", () => {
  test("hides it, ends its live sync and its schedule, and keeps its snapshots", async () => {
    const { id, schema, table, version } = await addSyncedTable(db);
    await db.sql("select * from public.set_schedule($1, $2, $3, '0 3 * * *')", [await admitAdmin(db), schema, table]);
    const { sync_id } = await startSync(db, { schema, table });
    expect(await unregister(schema, table)).toEqual({
      table_id: id,
      table_name: table,
      schema_name: schema,
      status: "inactive",
    });
    expect(await syncOf(db, sync_id)).toMatchObject({ status: "cancelled" });
    expect((await runOf(db, sync_id)).state).toBe("cancelled");
    expect(await db.sql("select from cron.job where jobname = 'corral-sync-' || $1", [id])).toEqual([]);
    expect(await sqlstateOf(statusOf(schema, table))).toBe("ZC111");
    expect(await sqlstateOf(unregister(schema, table))).toBe("ZC111");
    expect(await sqlstateOf(startSync(db, { schema, table }))).toBe("ZC111");
    const listed = await db.sql("select from public.list_tables($1) where table_id = $2", [await admitAdmin(db), id]);
    expect(listed).toEqual([]);
    expect(await db.sql("select version from corral.snapshots where table_id = $1", [id])).toEqual([{ version }]);
  });

  test("is undone by registering it again, but for its grants: nobody sees it unasked", async () => {
    const agent = await addDataAgent(db);
    const { schema, table, version } = await addSyncedTable(db);
    await grantTable(db, { schema, table }, agent.swarm);
    const seen = async () => {
      const call = await admitAgent(db, agent);
      return db.sql("select version from public.list_data_tables($1)", [call]);
    };
    expect(await seen()).toEqual([{ version }]);
    await unregister(schema, table);
    expect(await seen()).toEqual([]);
    await register(schema, table);
    expect(await seen()).toEqual([]);
    await grantTable(db, { schema, table }, agent.swarm);
    expect(await seen()).toEqual([{ version }]);
    expect((await statusOf(schema, table)).schedule).toBeNull();
  });

  test.each([
    ["a sync is started", "select * from public.start_sync($1, $2, $3, '{}')"],
    ["a schedule is set", "select * from public.set_schedule($1, $2, $3, '0 3 * * *')"],
    ["it is taken off", UNREGISTER],
  ])("while %s: who comes second does not find it", async (_, statement) => {
    const { id, schema, table } = await addTable(db);
    const first = await db.connect();
    await first.query("begin");
    await first.query(UNREGISTER, [await admitAdmin(db), schema, table]);
    const second = await startBlocked(db, statement, [await admitAdmin(db), schema, table]);
    await first.query("commit");
    expect(await sqlstateOf(second.result)).toBe("ZC111");
    expect(await db.sql("select from corral.syncs where table_id = $1", [id])).toEqual([]);
    expect(await db.sql("select from cron.job where jobname = 'corral-sync-' || $1", [id])).toEqual([]);
    await first.end();
  });
});
