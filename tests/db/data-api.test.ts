import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import {
  addDataAgent,
  addSyncedTable,
  addTable,
  admitAdmin,
  admitAgent,
  COLUMNS,
  type DataAgent,
  detailsOf,
  grantTable,
  readDataTable,
  submitQuery,
} from "./data-scene.ts";
import { firstOf, sqlstateOf } from "./scene.ts";

let db: TestDatabase;
let ann: DataAgent;
let bob: DataAgent;
beforeAll(async () => {
  db = await cloneDatabase();
  ann = await addDataAgent(db);
  bob = await addDataAgent(db);
});
afterAll(() => db.drop());

const list = async (agent: DataAgent, search: string | null = null, tag: string | null = null) =>
  db.sql("select * from public.list_data_tables($1, $2, $3)", [await admitAgent(db, agent), search, tag]);
const namesOf = async (agent: DataAgent, search?: string, tag?: string) =>
  (await list(agent, search, tag)).map(({ table_name }) => table_name);
const get = async (agent: DataAgent, table: string, schema: string | null = null) =>
  readDataTable(db, await admitAgent(db, agent), { schema, table });

describe("the tables that an agent sees", () => {
  test("are those granted to its swarm that have a snapshot, with all that is known of them", async () => {
    const table = await addSyncedTable(db, { swarm: ann.swarm, description: "Rain", tags: ["weather"] });
    await grantTable(db, await addTable(db), ann.swarm);
    await addSyncedTable(db);
    expect(await list(ann)).toEqual([
      {
        table_id: table.id,
        snapshot_id: expect.any(String),
        schema_name: table.schema,
        table_name: table.table,
        description: "Rain",
        tags: ["weather"],
        columns: COLUMNS.map(({ name, type, source_type }) => ({ name, type, source_type, masked: false })),
        row_count: "3",
        size_bytes: "4096",
        version: table.version,
        synced_at: expect.any(Date),
        moment: new Date("2026-11-21T12:00:00Z"),
        fixed_moment: true,
        folder: `${table.schema}/${table.table}/${table.version}`,
        hidden_columns: [],
        masked_columns: [],
        variant: null,
      },
    ]);
  });

  test("are found by any word of name, description, tags or columns, and by a tag", async () => {
    const one = await addDataAgent(db);
    const columns = [
      { name: "ZIP", type: "VARCHAR" },
      { name: "SECRET", type: "VARCHAR" },
    ];
    const wishes = { schema: "FOUND", description: "Where parcels go", tags: ["post", "logistics"], columns };
    await addSyncedTable(db, { ...wishes, table: "PARCELS", swarm: one.swarm, hidden: ["SECRET"] });
    await addSyncedTable(db, { schema: "FOUND", table: "OTHER", swarm: one.swarm });
    expect(await namesOf(one)).toEqual(["OTHER", "PARCELS"]);
    for (const word of ["parc", "FOUND.PARCELS", "where PARCELS", "logist", "zip"])
      expect(await namesOf(one, word), word).toEqual(["PARCELS"]);
    expect(await namesOf(one, undefined, "post")).toEqual(["PARCELS"]);
    expect(await namesOf(one, undefined, "pos")).toEqual([]);
    expect(await namesOf(one, "zip", "none")).toEqual([]);
    expect(await namesOf(one, "secret")).toEqual([]);
    expect(await namesOf(one, "%")).toEqual([]);
    expect(await namesOf(one, "")).toEqual(["OTHER", "PARCELS"]);
  });

  test("are all, for an admin, with all columns", async () => {
    const call = await admitAdmin(db);
    const all = await db.sql("select * from public.list_data_tables($1)", [call]);
    const { count } = firstOf(await db.sql("select count(*)::int from corral.tables where snapshot_id is not null"));
    expect(all).toHaveLength(Number(count));
    expect(all.find(({ table_name }) => table_name === "PARCELS")).toMatchObject({
      columns: [{ name: "ZIP" }, { name: "SECRET" }],
      hidden_columns: [],
      variant: null,
    });
  });

  test("resolve by name among themselves: another swarm's namesake is no ambiguity", async () => {
    const [one, other] = [await addDataAgent(db), await addDataAgent(db)];
    const here = await addSyncedTable(db, { schema: "HERE", table: "SAME", swarm: one.swarm });
    const there = await addSyncedTable(db, { schema: "THERE", table: "SAME", swarm: other.swarm });
    expect(await get(one, "same")).toMatchObject({ table_id: here.id });
    expect(await get(other, "SAME", "there")).toMatchObject({ table_id: there.id });
    expect(await sqlstateOf(get(one, "SAME", "THERE"))).toBe("ZC111");
    await grantTable(db, there, one.swarm);
    expect(await sqlstateOf(get(one, "same"))).toBe("ZC112");
    expect(await get(one, "SAME", "THERE")).toMatchObject({ table_id: there.id });
  });

  test("are on record with their version when they are read", async () => {
    const { schema, table, version } = await addSyncedTable(db, { swarm: ann.swarm });
    const call = await admitAgent(db, ann);
    await readDataTable(db, call, { table });
    expect(await detailsOf(db, call)).toEqual([{ tables: [{ table: `${schema}.${table}`, version }] }]);
  });

  test("are on record as they were asked for when they are refused, with what that may mean", async () => {
    const refused = async (asked: { schema?: string; table: string }) => {
      const call = await admitAgent(db, bob);
      expect(await sqlstateOf(readDataTable(db, call, asked))).toMatch(/^ZC11[123]$/);
      return detailsOf(db, call);
    };
    const secrets = [
      await addSyncedTable(db, { table: "MANY_SECRETS", swarm: ann.swarm }),
      await addSyncedTable(db, { table: "MANY_SECRETS" }),
    ];
    expect(await refused({ table: "many_secrets" })).toEqual([
      {
        asked: { table_name: "many_secrets" },
        tables: secrets.map(({ schema, table }) => ({ table: `${schema}.${table}` })),
      },
    ]);
    const { schema } = firstOf(secrets);
    expect(await refused({ schema: `"${schema}"`, table: "many_secrets" })).toEqual([
      {
        asked: { schema_name: `"${schema}"`, table_name: "many_secrets" },
        tables: [{ table: `${schema}.MANY_SECRETS` }],
      },
    ]);
    expect(await refused({ schema: "No", table: "where" })).toEqual([
      { asked: { schema_name: "No", table_name: "where" }, tables: [{ table: "No.where" }] },
    ]);
    const early = await addTable(db);
    await grantTable(db, early, bob.swarm);
    expect(await refused(early)).toMatchObject([{ tables: [{ table: `${early.schema}.${early.table}` }] }]);
  });

  test("without a snapshot say so, to those who may know of them", async () => {
    const table = await addTable(db);
    await grantTable(db, table, ann.swarm);
    expect(await sqlstateOf(get(ann, table.table))).toBe("ZC113");
    expect(await sqlstateOf(get(bob, table.table))).toBe("ZC111");
    const call = await admitAdmin(db);
    expect(await sqlstateOf(readDataTable(db, call, { table: table.table }))).toBe("ZC113");
  });
});

describe("two swarms", () => {
  test("never see anything of each other, whatever they ask", async () => {
    const secret = await addSyncedTable(db, { swarm: ann.swarm, description: "Ann's secret", tags: ["annotated"] });
    const query = await submitQuery(db, ann, { sql: "select 'secret'" });
    const { artifact_id: artifact } = firstOf(
      await db.sql('select * from public.create_artifact($1, \'{"name": "secret", "tags": ["annotated"]}\')', [
        await admitAgent(db, ann),
      ]),
    );
    const asBob = async (expression: string, params: unknown[] = []): Promise<Row[] | string | undefined> => {
      const call = await admitAgent(db, bob);
      const answer = db.sql(`select * from public.${expression}`, [call, ...params]);
      const refusal = await sqlstateOf(answer);
      return refusal ?? answer;
    };
    expect(await asBob("list_data_tables($1)")).toEqual([]);
    expect(await asBob("list_data_tables($1, 'secret')")).toEqual([]);
    expect(await asBob("list_data_tables($1, null, 'annotated')")).toEqual([]);
    expect(await sqlstateOf(get(bob, secret.table, secret.schema))).toBe("ZC111");
    expect(await asBob("get_query($1, $2)", [query])).toBe("ZC132");
    expect(await asBob("cancel_query($1, $2)", [query])).toBe("ZC132");
    expect(await asBob("get_artifact($1, $2)", [artifact])).toBe("ZC141");
    expect(await asBob("complete_artifact($1, $2, 1, 'x')", [artifact])).toBe("ZC141");
    expect(await asBob("update_artifact($1, $2, '{}')", [artifact])).toBe("ZC141");
    expect(await asBob("extend_artifact($1, $2, 1)", [artifact])).toBe("ZC141");
    expect(await asBob("delete_artifact($1, $2)", [artifact])).toBe("ZC141");
    expect(await asBob('list_artifacts($1, \'{"tags": ["annotated"]}\')')).toEqual([]);
    await db.sql('select * from public.create_artifact($1, \'{"name": "mine"}\')', [await admitAgent(db, bob)]);
    expect(await asBob("list_artifacts($1)")).toHaveLength(1);
    // Not even whether it is older than one's own.
    expect(await asBob("list_artifacts($1, jsonb_build_object('before', $2::text))", [artifact])).toEqual([]);
    const { snapshots } = firstOf(
      await db.sql("select snapshots from corral.queries where id = $1", [await submitQuery(db, bob)]),
    );
    expect(snapshots).toEqual([]);
    const details = await db.sql(
      `select details from corral.audit where event = 'detail' and not details ? 'asked' and details::text like '%' || $1 || '%'
          and call_id in (select id from corral.audit where agent = $2)`,
      [secret.table, bob.agent],
    );
    expect(details).toEqual([]);
  });
});
