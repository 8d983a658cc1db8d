import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Caller, callSnowflake } from "./call-snowflake.ts";
import { serveSnowflake } from "./serve-snowflake.ts";

let served: Awaited<ReturnType<typeof serveSnowflake>>;
let snowflake: Caller;
beforeAll(async () => {
  served = await serveSnowflake();
  snowflake = await callSnowflake(served.url);
  await snowflake.run("ALTER SESSION SET TIMEZONE = 'America/New_York'");
});
afterAll(() => served.close());

const NINES = "9".repeat(38);

/** Type, value as SQL, cell on the wire, type on the wire. */
const VALUES: [type: string, sql: string, cell: string, wire: string][] = [
  ["NUMBER(38,0)", NINES, NINES, "fixed"],
  ["NUMBER(38,0)", `-${NINES}`, `-${NINES}`, "fixed"],
  ["NUMBER(38,37)", "-0.0000000000000000000000000000000000001", "-0.0000000000000000000000000000000000001", "fixed"],
  ["NUMBER(10,2)", "'12.345'", "12.35", "fixed"],
  ["INT", "7", "7", "fixed"],
  ["FLOAT", "1.7976931348623157e308", "1.7976931348623157e+308", "real"],
  ["FLOAT", "'-inf'", "-inf", "real"],
  ["FLOAT", "'NaN'", "NaN", "real"],
  ["VARCHAR(5)", "'häß\\n'", "häß\n", "text"],
  ["VARCHAR", "''", "", "text"],
  ["BOOLEAN", "true", "1", "boolean"],
  ["DATE", "'1066-10-14'", "-329893", "date"],
  ["DATE", "'9999-12-31'", "2932896", "date"],
  ["TIME(9)", "'23:59:59.999999999'", "86399.999999999", "time"],
  ["TIMESTAMP_NTZ(9)", "'9999-12-31 23:59:59.999999999'", "253402300799.999999999", "timestamp_ntz"],
  ["TIMESTAMP_NTZ(9)", "'1969-12-31 23:59:59.000000001'", "-0.999999999", "timestamp_ntz"],
  ["TIMESTAMP_NTZ(9)", "'0001-01-01'", "-62135596800.000000000", "timestamp_ntz"],
  ["TIMESTAMP_NTZ(3)", "'2020-01-01 00:00:00.123456789'", "1577836800.123000000", "timestamp_ntz"],
  ["TIMESTAMP_LTZ(9)", "'2020-07-01 00:00:00.000000001'", "1593576000.000000001", "timestamp_ltz"],
  ["TIMESTAMP_LTZ(9)", "'2020-07-01 00:00:00 +02:00'", "1593554400.000000000", "timestamp_ltz"],
  ["TIMESTAMP_TZ(9)", "'9999-12-31 23:59:59.999999999 -08:00'", "253402329599.999999999 960", "timestamp_tz"],
  ["TIMESTAMP_TZ(9)", "'2020-01-01 00:00:00 +0530'", "1577817000.000000000 1770", "timestamp_tz"],
  ["VARIANT", 'PARSE_JSON(\'{"a":[1,null,"x"]}\')', '{"a":[1,null,"x"]}', "variant"],
  ["VARIANT", "'text'::VARIANT", '"text"', "variant"],
  ["OBJECT", "OBJECT_CONSTRUCT('k', 1)", '{"k":1}', "object"],
  ["ARRAY", "ARRAY_CONSTRUCT(1, 'two')", '[1,"two"]', "array"],
  ["BINARY", "TO_BINARY('00FFCAFE')", "00FFCAFE", "binary"],
];

describe("a value survives a table, the wire and a copy of the table", () => {
  test.each(VALUES)("%s %s", async (type, sql, cell, wire) => {
    await snowflake.run(`CREATE OR REPLACE TABLE one (c ${type}, n ${type})`);
    await snowflake.run(`INSERT INTO one SELECT ${sql}, NULL`);
    await snowflake.run("CREATE OR REPLACE TABLE two AS SELECT * FROM one");
    const { rowset, rowtype } = await snowflake.run("SELECT c, n FROM two");
    expect(rowset).toEqual([[cell, null]]);
    expect(rowtype.map((column) => column.type)).toEqual([wire, wire]);
  });
});

test("values are compared, ordered and grouped as what they are", async () => {
  await snowflake.run("CREATE OR REPLACE TABLE moments (ts TIMESTAMP_NTZ, tz TIMESTAMP_TZ)");
  await snowflake.run(
    "INSERT INTO moments SELECT column1, column2 FROM VALUES ('2020-01-01 00:00:00.000000001', '2020-01-01 12:00:00 +0200'), ('2020-01-01', '2020-01-01 10:30:00 +0000')",
  );
  expect(await snowflake.cells("SELECT COUNT(*) FROM moments WHERE ts > '2020-01-01'")).toEqual([["1"]]);
  expect(await snowflake.cells("SELECT COUNT(*) FROM moments WHERE '2020-01-01'::DATE = ts")).toEqual([["1"]]);
  expect(
    await snowflake.cells("SELECT COUNT(*) FROM moments WHERE ts NOT BETWEEN '2020-01-01' AND '2020-01-02'"),
  ).toEqual([["0"]]);
  expect(
    await snowflake.cells("SELECT DATE_PART(EPOCH_NANOSECOND, MAX(ts)), DATE_PART(EPOCH_SECOND, MAX(tz)) FROM moments"),
  ).toEqual([["1577836800000000001", "1577874600"]]);
});

test("a value that does not fit is refused", async () => {
  await snowflake.run("CREATE OR REPLACE TABLE narrow (n NUMBER(3,0), t VARCHAR(2), r INT NOT NULL)");
  const refusals = [
    ["1000, 'a', 1", "22003"],
    ["1, 'abc', 1", "22000"],
    ["1, 'a', NULL", "22000"],
    ["'x', 'a', 1", "22018"],
  ] as const;
  for (const [values, sqlState] of refusals)
    expect(await snowflake.refusal(`INSERT INTO narrow SELECT ${values}`), values).toMatchObject({ sqlState });
  expect(await snowflake.cells("SELECT COUNT(*) FROM narrow")).toEqual([["0"]]);
});

test("names keep their case where they are quoted, whatever they are", async () => {
  await snowflake.run(
    'CREATE OR REPLACE TABLE "Mixed" ("id" INT, ID INT, "select" INT, "a ""b""" INT, "Ü" INT, "ü" INT, date DATE, "1" INT)',
  );
  await snowflake.run("INSERT INTO \"Mixed\" VALUES (1, 2, 3, 4, 5, 6, '2020-01-01', 8)");
  const { rowset, rowtype } = await snowflake.run('SELECT * FROM "Mixed" WHERE "id" = 1 AND id = 2');
  expect(rowtype.map(({ name }) => name)).toEqual(["id", "ID", "select", 'a "b"', "Ü", "ü", "DATE", "1"]);
  expect(rowset).toEqual([["1", "2", "3", "4", "5", "6", "18262", "8"]]);
  expect(await snowflake.refusal("SELECT * FROM mixed")).toMatchObject({ errorCode: "002003", sqlState: "42S02" });
});

test("a table of two thousand columns is one like others", async () => {
  const names = Array.from({ length: 2000 }, (_, at) => `c${at}`);
  await snowflake.run(`CREATE OR REPLACE TABLE wide (${names.map((name) => `${name} INT`).join(", ")})`);
  await snowflake.run(`INSERT INTO wide SELECT ${names.map((_, at) => at).join(", ")}`);
  const [row] = await snowflake.cells("SELECT * FROM wide");
  expect(row).toEqual(names.map((_, at) => String(at)));
});
