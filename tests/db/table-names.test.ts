import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import { addTable, admitAdmin, showSource, showSources, startRunOf } from "./data-scene.ts";
import { firstOf, runsOf, sqlstateOf } from "./scene.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
});
afterAll(() => db.drop());

interface Answer extends Row {
  state: string;
  run_id: string | null;
  tables: { table_name: string }[] | null;
}

const browse = async (schema: string, run: unknown = null) =>
  firstOf(await db.sql<Answer>("select * from public.browse_source($1, $2, $3)", [await admitAdmin(db), schema, run]));
const register = async (schema: string, table: string, call?: string) =>
  firstOf(
    await db.sql("select * from public.register_table($1, $2, $3)", [call ?? (await admitAdmin(db)), schema, table]),
  );
const statusOf = async (schema: string | null, table: string) =>
  firstOf(await db.sql("select * from public.get_table_status($1, $2, $3)", [await admitAdmin(db), schema, table]));

describe("how well a name fits what was written", () => {
  test.each<[string, string, number | null]>([
    ["my table", "my table", 0],
    ['"my table"', "my table", 1],
    ['"a""b"', 'a"b', 1],
    ["my table", "MY TABLE", 2],
    ["my table", "My Table", 3],
    ["MY TABLE", "my table", 3],
    ['"my table"', "MY TABLE", null],
    ['"MY TABLE"', "my table", null],
    ['"x"', '"x"', 0],
    ['"', '"', 0],
    ["other", "my table", null],
  ])("%s is %s: %s", async (written, name, fit) => {
    const rows = await db.sql("select corral.name_fit($1, $2) as fit", [written, name]);
    expect(firstOf(rows).fit).toBe(fit);
  });
});

describe("a schema of Snowflake", () => {
  const namesIn = async (schema: string) => (await browse(schema)).tables?.map(({ table_name }) => table_name);

  test("is found as it is written, else in capitals, else in another case, all by one look", async () => {
    const { run_id } = await browse("fits");
    expect(await browse("Fits")).toMatchObject({ state: "waiting", run_id });
    await db.sql("update corral.runs set state = 'cancelled', finished_at = corral.now() where id = $1", [run_id]);
    await showSources(db, { fits: ["LOWER"], FITS: ["UPPER"], fITS: ["MIXED"] });
    expect(await namesIn("fits")).toEqual(["LOWER"]);
    expect(await namesIn("FITS")).toEqual(["UPPER"]);
    expect(await namesIn("fITS")).toEqual(["MIXED"]);
    expect(await namesIn("Fits")).toEqual(["UPPER"]);
    await showSources(db, { fITS: ["MIXED"] });
    expect(await namesIn("fits")).toEqual(["MIXED"]);
    expect(await db.sql("select from corral.source_schemas where schema_name = 'FITS'")).toEqual([]);
  });

  test("in quotes is found as it stands there only, once an older list was looked at again", async () => {
    await showSources(db, { "my schema": ["T"], "MY SCHEMA": ["U"] });
    expect(await namesIn('"my schema"')).toEqual(["T"]);
    expect(await namesIn('"MY SCHEMA"')).toEqual(["U"]);
    const { state, run_id } = await browse('"My Schema"');
    expect({ state, runs: await runsOf(db, "MY SCHEMA") }).toMatchObject({ state: "waiting" });
    const call = await admitAdmin(db);
    const { run, attempt } = await startRunOf(db, "MY SCHEMA");
    await db.sql("select public.publish_catalog($1, $2, $3)", [
      run,
      attempt,
      JSON.stringify([{ schema_name: "my schema", tables: [] }]),
    ]);
    const again = db.sql("select * from public.browse_source($1, $2, $3)", [call, '"My Schema"', run_id]);
    await expect(again).rejects.toMatchObject({ code: "ZC114", message: 'Snowflake has no schema "My Schema"' });
  });

  test("that has a name of no schema is refused as a table is that it does not have", async () => {
    const call = await admitAdmin(db);
    await showSource(db, "NAMES", ["T"]);
    await expect(register("names", "nothing", call)).rejects.toMatchObject({
      code: "ZC114",
      message: "Table NAMES.nothing not found in Snowflake",
    });
    await expect(register('"names"', "T", call)).rejects.toMatchObject({
      code: "ZC114",
      message: 'Snowflake has no schema "names"',
    });
  });
});

describe("a table of Snowflake", () => {
  test("is registered by the name that it is answered under, and by that in quotes", async () => {
    await showSources(db, { "small things": ["my table", "MY TABLE"] });
    for (const [schema, table] of [
      ["small things", "my table"],
      ['"small things"', '"my table"'],
      ["SMALL THINGS", '"my table"'],
    ] as const) {
      expect(await register(schema, table)).toMatchObject({ schema_name: "small things", table_name: "my table" });
      expect(await statusOf(schema, table)).toMatchObject({ schema_name: "small things", table_name: "my table" });
    }
    expect(await register("small things", "My Table")).toMatchObject({ table_name: "MY TABLE" });
  });

  test("is taken as its name is written before one that differs in case", async () => {
    await showSource(db, "REG_B", ["T", "t", "u", "U"]);
    expect((await register("REG_B", "t")).table_name).toBe("t");
    expect((await register("REG_B", "T")).table_name).toBe("T");
    expect((await register("REG_B", "U")).table_name).toBe("U");
    await showSource(db, "REG_B2", ["vV", "VV"]);
    expect((await register("REG_B2", "Vv")).table_name).toBe("VV");
  });
});

describe("a registered table's name", () => {
  test("resolves without a schema and in any case, where one table has it", async () => {
    const { id, table } = await addTable(db);
    expect(await statusOf(null, table.toLowerCase())).toMatchObject({ table_id: id });
  });

  test("of several tables is ambiguous, unless it is written as one of them is", async () => {
    await showSource(db, "AMB", ["T", "t"]);
    const upper = await register("AMB", "T");
    const lower = await register("AMB", "t");
    for (const [schema, table, { table_id }] of [
      ["AMB", "t", lower],
      ["AMB", "T", upper],
      ['"AMB"', '"t"', lower],
      ["amb", '"T"', upper],
    ] as const) {
      expect(await statusOf(schema, table)).toMatchObject({ table_id });
    }
    await expect(statusOf("amb", "T")).rejects.toMatchObject({
      code: "ZC112",
      message: expect.stringMatching(/AMB\.T, AMB\.t|AMB\.t, AMB\.T/),
    });
    expect(await sqlstateOf(statusOf(null, "T"))).toBe("ZC112");
  });

  test("of no table is not found, and says which", async () => {
    await expect(statusOf("NO", "WHERE")).rejects.toMatchObject({ code: "ZC111", message: "Table NO.WHERE not found" });
    await expect(statusOf(null, "WHERE")).rejects.toMatchObject({ code: "ZC111", message: "Table WHERE not found" });
    const { table } = await addTable(db);
    expect(await sqlstateOf(statusOf("NO", table))).toBe("ZC111");
    expect(await sqlstateOf(statusOf(null, `"${table.toLowerCase()}"`))).toBe("ZC111");
  });
});
