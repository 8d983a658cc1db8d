import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import { addDataAgent, admitAdmin, admitAgent, detailsOf, showSource, startRunOf } from "./data-scene.ts";
import { firstOf, sqlstateOf } from "./scene.ts";
import { startBlocked } from "./wait-for-lock.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
});
afterAll(() => db.drop());

interface Answer extends Row {
  state: string;
  run_id: string | null;
  sync: Row | null;
}

const START =
  "select state, run_id, error_code, error_message, to_jsonb(sync) as sync from public.start_sync($1, $2, $3, $4, $5)";
const start = async (
  schema: string,
  table: string,
  { run = null, call, spec = {} }: { run?: unknown; call?: string; spec?: Row } = {},
) => firstOf(await db.sql<Answer>(START, [call ?? (await admitAdmin(db)), schema, table, JSON.stringify(spec), run]));
const tablesIn = (schema: string) =>
  db.sql("select table_name, is_active from corral.tables where schema_name = $1 order by 1", [schema]);

describe("starting a sync of a table that nobody registered", () => {
  test("registers it once Snowflake was seen to have it, and grants it to nobody", async () => {
    const call = await admitAdmin(db);
    const waiting = await start("new_a", "orders", { call });
    expect(waiting).toMatchObject({ state: "waiting", run_id: expect.any(String), sync: null });
    expect(await tablesIn("NEW_A")).toEqual([]);
    await showSource(db, "NEW_A", ["ORDERS", "OTHERS"]);
    const { state, sync } = await start("new_a", "orders", { call, run: waiting.run_id });
    expect({ state, sync }).toMatchObject({
      state: "fresh",
      sync: { schema_name: "NEW_A", table_name: "ORDERS", strategy: "full", status: "pending" },
    });
    expect(await tablesIn("NEW_A")).toEqual([{ table_name: "ORDERS", is_active: true }]);
    expect(await detailsOf(db, call)).toEqual([
      { sync_id: sync?.sync_id, spec: {}, registered: true, tables: [{ table: "NEW_A.ORDERS" }] },
    ]);
    expect(await db.sql("select * from public.list_grants($1, 'NEW_A', 'ORDERS')", [call])).toEqual([]);
  });

  test("that Snowflake does not have finds nothing, by the name that was written", async () => {
    const call = await admitAdmin(db);
    await showSource(db, "NEW_B", ["ORDERS"]);
    const notFound = { code: "ZC111", message: "Table new_b.nothing not found" };
    await expect(start("new_b", "nothing", { call })).rejects.toMatchObject(notFound);
    const { run_id } = await start("NO_SCHEMA", "ORDERS");
    const { run, attempt } = await startRunOf(db, "NO_SCHEMA");
    await db.sql("select public.fail_run($1, $2, 'table_not_in_source', 'No such schema', false)", [run, attempt]);
    expect(await sqlstateOf(start("NO_SCHEMA", "ORDERS", { run: run_id }))).toBe("ZC111");
    expect(await tablesIn("NEW_B")).toEqual([]);
  });

  test("tells whoever waited why Snowflake could not be asked", async () => {
    const { run_id } = await start("NEW_C", "ORDERS");
    const { run, attempt } = await startRunOf(db, "NEW_C");
    await db.sql("select public.fail_run($1, $2, 'snowflake_unauthorized', 'Wrong password', false)", [run, attempt]);
    expect(await start("NEW_C", "ORDERS", { run: run_id })).toEqual({
      state: "failed",
      run_id,
      error_code: "snowflake_unauthorized",
      error_message: "Wrong password",
      sync: null,
    });
  });

  test("registers nothing where the options do not fit, or somebody asks who is no admin", async () => {
    await showSource(db, "NEW_D", ["ORDERS"]);
    expect(await sqlstateOf(start("NEW_D", "ORDERS", { spec: { strategy: "incremental" } }))).toBe("ZC124");
    const call = await admitAgent(db, await addDataAgent(db));
    expect(await sqlstateOf(start("NEW_D", "ORDERS", { call }))).toBe("ZC102");
    expect(await tablesIn("NEW_D")).toEqual([]);
  });

  test("does not bring back what was taken off the list: that is for a registration", async () => {
    await showSource(db, "NEW_E", ["ORDERS", "orders"]);
    await start("NEW_E", "ORDERS");
    await db.sql("select public.unregister_table($1, 'NEW_E', 'ORDERS')", [await admitAdmin(db)]);
    await expect(start("new_e", "ORDERS")).rejects.toMatchObject({
      code: "ZC111",
      message: "Table NEW_E.ORDERS was taken off the list. Register it again to sync it.",
    });
    expect(await tablesIn("NEW_E")).toEqual([{ table_name: "ORDERS", is_active: false }]);
    expect(await start("NEW_E", "orders")).toMatchObject({ sync: { table_name: "orders" } });
    await db.sql("select public.register_table($1, 'NEW_E', 'ORDERS')", [await admitAdmin(db)]);
    expect(await start("NEW_E", "ORDERS")).toMatchObject({ sync: { table_name: "ORDERS" } });
  });

  test("twice at once registers it once, and starts one sync", async () => {
    await showSource(db, "NEW_F", ["ORDERS"]);
    const first = await db.connect();
    await first.query("begin");
    const params = async () => [await admitAdmin(db), "NEW_F", "ORDERS", "{}", null];
    await first.query(START, await params());
    const second = await startBlocked(db, START, await params());
    await first.query("commit");
    expect(await sqlstateOf(second.result)).toBe("ZC122");
    expect(await tablesIn("NEW_F")).toHaveLength(1);
    await first.end();
  });
});
