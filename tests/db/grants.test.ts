import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import {
  addDataAgent,
  addSyncedTable,
  addTable,
  admitAdmin,
  admitAgent,
  type DataAgent,
  detailsOf,
  grantTable,
  readDataTable,
  syncTable,
  type TableName,
} from "./data-scene.ts";
import { sqlstateOf } from "./scene.ts";

let db: TestDatabase;
let agent: DataAgent;
let table: TableName & { id: string; version: string | null };
beforeAll(async () => {
  db = await cloneDatabase();
  agent = await addDataAgent(db);
});
afterAll(() => db.drop());

const seen = async (by: DataAgent = agent, what: TableName = table) =>
  readDataTable(db, await admitAgent(db, by), what);
const list = async () =>
  db.sql("select swarm, hidden_columns, masked_columns from public.list_grants($1, $2, $3)", [
    await admitAdmin(db),
    table.schema,
    table.table,
  ]);
const revoke = async (swarm: string) =>
  db.sql("select public.revoke_grant($1, $2, $3, $4)", [await admitAdmin(db), table.schema, table.table, swarm]);

describe("a grant", () => {
  test("is for a table that is registered and, to have columns, synced", async () => {
    table = await addSyncedTable(db, {
      columns: [
        { name: "ID", type: "BIGINT", source_type: "NUMBER(38,0)" },
        ...["NAME", "EMAIL", "SALARY"].map((name) => ({ name, type: "VARCHAR", source_type: "VARCHAR" })),
      ],
    });
    expect(table.version).not.toBeNull();
    expect(await list()).toEqual([]);
  });

  test("lets every agent of its swarm see the table, and nobody else", async () => {
    const call = await admitAdmin(db);
    const rows = await db.sql("select * from public.grant_table($1, $2, $3, $4)", [
      call,
      table.schema,
      table.table,
      agent.swarm,
    ]);
    expect(rows).toMatchObject([
      {
        table_id: table.id,
        schema_name: table.schema,
        table_name: table.table,
        swarm: agent.swarm,
        hidden_columns: [],
        masked_columns: [],
      },
    ]);
    expect(await detailsOf(db, call)).toEqual([
      {
        swarm: agent.swarm,
        hidden_columns: [],
        masked_columns: [],
        tables: [{ table: `${table.schema}.${table.table}`, version: table.version }],
      },
    ]);
    expect(await seen()).toMatchObject({ table_id: table.id, variant: null });
    const colleague = await addDataAgent(db, { swarm: agent.swarm });
    expect(await seen({ ...colleague, swarmToken: agent.swarmToken })).toMatchObject({ table_id: table.id });
    expect(await sqlstateOf(seen(await addDataAgent(db)))).toBe("ZC111");
  });

  test("hides columns as if the table had none such, whatever the case", async () => {
    await grantTable(db, table, agent.swarm, ["email", "Salary"]);
    const { columns, hidden_columns, variant } = await seen();
    expect(columns).toEqual([
      { name: "ID", type: "BIGINT", source_type: "NUMBER(38,0)", masked: false },
      { name: "NAME", type: "VARCHAR", source_type: "VARCHAR", masked: false },
    ]);
    expect(hidden_columns).toEqual(["email", "Salary"]);
    expect(variant).toMatch(/^[0-9a-f]{32}$/);
  });

  test("masks columns, which are text then; one that is hidden too is not seen at all", async () => {
    await grantTable(db, table, agent.swarm, ["SALARY"], ["id", "SALARY"]);
    expect((await seen()).columns).toEqual([
      { name: "ID", type: "VARCHAR", source_type: null, masked: true },
      { name: "NAME", type: "VARCHAR", source_type: "VARCHAR", masked: false },
      { name: "EMAIL", type: "VARCHAR", source_type: "VARCHAR", masked: false },
    ]);
  });

  test("hides and masks what lies beside a column, too: the rest of its values", async () => {
    const columns = [
      { name: "SEEN_AT", type: "TIMESTAMP", source_type: "TIMESTAMP_TZ(9)" },
      { name: "SEEN_AT_offset", type: "VARCHAR", source_type: "TIMESTAMP_TZ(9) of SEEN_AT" },
      { name: "LEFT_AT", type: "TIMESTAMP", source_type: "TIMESTAMP_TZ(9)" },
      { name: "LEFT_AT_offset", type: "VARCHAR", source_type: "TIMESTAMP_TZ(9) of LEFT_AT" },
    ];
    const { swarm } = agent;
    const visits = await addSyncedTable(db, { swarm, columns, hidden: ["seen_at"], masked: ["LEFT_AT"] });
    expect(await seen(agent, visits)).toMatchObject({
      columns: [
        { name: "LEFT_AT", masked: true },
        { name: "LEFT_AT_offset", masked: true },
      ],
      hidden_columns: ["seen_at", "SEEN_AT_offset"],
      masked_columns: ["LEFT_AT", "LEFT_AT_offset"],
    });
    await grantTable(db, visits, swarm);
    expect(await seen(agent, visits)).toMatchObject({ hidden_columns: [], masked_columns: [] });
  });

  test("names the same variant for the same columns in any order and case, and another for others", async () => {
    const variant = async (hidden: string[], masked: string[]) => {
      await grantTable(db, table, agent.swarm, hidden, masked);
      return (await seen()).variant;
    };
    const first = await variant(["EMAIL", "NAME"], ["SALARY"]);
    expect(await variant(["name", "email", "NAME"], ["salary"])).toBe(first);
    const others = [
      await variant(["EMAIL"], ["SALARY"]),
      await variant(["SALARY"], ["EMAIL", "NAME"]),
      await variant(["EMAIL", "NAME"], []),
      await variant([], ["EMAIL", "NAME"]),
      await variant([], []),
    ];
    expect(new Set([first, ...others]).size).toBe(6);
    expect(others.at(-1)).toBeNull();
  });

  test("replaces the one before; no columns given hides none", async () => {
    await grantTable(db, table, agent.swarm, ["EMAIL"], ["NAME"]);
    await grantTable(db, table, agent.swarm, null, null);
    expect(await list()).toEqual([{ swarm: agent.swarm, hidden_columns: [], masked_columns: [] }]);
  });

  test("refuses columns that the table does not have, and names them", async () => {
    await expect(grantTable(db, table, agent.swarm, ["EMAIL", "NOPE"], ["nada"])).rejects.toMatchObject({
      code: "ZC115",
      message: "The table has no column NOPE, nada",
    });
    expect(await list()).toEqual([{ swarm: agent.swarm, hidden_columns: [], masked_columns: [] }]);
  });

  test("refuses to hide all columns, which would leave rows of nothing", async () => {
    const hidden = ["id", "name", "EMAIL", "SALARY"];
    await expect(grantTable(db, table, agent.swarm, hidden)).rejects.toMatchObject({
      code: "ZC115",
      message: expect.stringContaining("would hide all columns"),
    });
    const columns = [
      { name: "AT", type: "TIMESTAMP", source_type: "TIMESTAMP_TZ(9)" },
      { name: "AT_offset", type: "INTEGER", source_type: "TIMESTAMP_TZ(9) of AT" },
    ];
    const moments = await addSyncedTable(db, { columns });
    expect(await sqlstateOf(grantTable(db, moments, agent.swarm, ["AT"]))).toBe("ZC115");
    await grantTable(db, table, agent.swarm, hidden.slice(1), hidden);
    await grantTable(db, table, agent.swarm);
  });

  test("may come before the first sync, when no column is known yet", async () => {
    const early = await addTable(db);
    expect(await grantTable(db, early, agent.swarm, ["ANY"])).toMatchObject({ hidden_columns: ["ANY"] });
  });

  test("that hides what the snapshot does not have shows nothing: the column may have another name by now", async () => {
    const early = await addTable(db);
    const { swarm } = agent;
    await grantTable(db, early, swarm, ["SALLARY"]);
    const columns = ["ID", "SALARY"].map((name) => ({ name, type: "BIGINT", source_type: "NUMBER(38,0)" }));
    await syncTable(db, early, {}, { columns });
    expect(await sqlstateOf(seen(agent, early))).toBe("ZC111");
    const grants = await db.sql("select unknown_columns from public.list_grants($1, $2, $3)", [
      await admitAdmin(db),
      early.schema,
      early.table,
    ]);
    expect(grants).toEqual([{ unknown_columns: ["SALLARY"] }]);
    await grantTable(db, early, swarm, ["salary"]);
    expect(await seen(agent, early)).toMatchObject({ columns: [{ name: "ID" }] });
  });

  test("makes its swarm unless there is one", async () => {
    await grantTable(db, table, "swarm-to-come");
    expect((await list()).map(({ swarm }) => swarm)).toEqual([agent.swarm, "swarm-to-come"].toSorted());
    await revoke("swarm-to-come");
  });
});

describe("revoking a grant", () => {
  test("takes the table from that swarm alone", async () => {
    const other = await addDataAgent(db);
    await grantTable(db, table, other.swarm);
    await revoke(agent.swarm);
    expect(await sqlstateOf(seen())).toBe("ZC111");
    expect(await seen(other)).toMatchObject({ table_id: table.id });
    const elsewhere = await addSyncedTable(db, { swarm: other.swarm });
    await revoke(other.swarm);
    expect(await sqlstateOf(seen(other))).toBe("ZC111");
    const call = await admitAgent(db, other);
    expect(await db.sql("select table_id from public.list_data_tables($1)", [call])).toEqual([
      { table_id: elsewhere.id },
    ]);
  });

  test("that there is not is refused", async () => {
    expect(await sqlstateOf(revoke("nobody"))).toBe("ZC116");
    expect(await sqlstateOf(revoke(agent.swarm))).toBe("ZC116");
  });

  test("is on record", async () => {
    await grantTable(db, table, agent.swarm);
    const call = await admitAdmin(db);
    await db.sql("select public.revoke_grant($1, $2, $3, $4)", [call, table.schema, table.table, agent.swarm]);
    expect(await detailsOf(db, call)).toMatchObject([{ swarm: agent.swarm, tables: [{ version: table.version }] }]);
  });
});
