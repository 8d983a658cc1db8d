import type { DuckDBConnection } from "@duckdb/node-api";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { tableProfileSql } from "../../functions/api/data-sql.ts";
import { judgeQuery } from "../../jobs/query/judge-query.ts";
import { chooseWriter, rowsOf } from "../../jobs/query/write-rows.ts";
import type { OpenDuckdb } from "../../jobs/snapshot/open-duckdb.ts";
import { takeProfile } from "../../jobs/snapshot/profile.ts";
import type { DataTable } from "../../shared/contract/data.ts";
import { readProfile } from "../../shared/profile/read-profile.ts";
import { openScratch, type Scratch, UNSTOPPED } from "../jobs/snapshot/open-scratch.ts";

const SCHEMA = 'my "s';
const VIEW = '"my ""s"."select"';

let scratch: Scratch;
let duckdb: OpenDuckdb;
beforeEach(async () => {
  scratch = await openScratch();
  duckdb = await scratch.open("table.duckdb");
});
afterEach(() => scratch.close());

/** A snapshot of what a SELECT makes, as those see it who may. */
async function makeTable(select: string, { masked = [] }: { masked?: string[] } = {}): Promise<DataTable> {
  const { connection } = duckdb;
  await connection.run(`CREATE OR REPLACE TABLE data AS ${select}`);
  await connection.run(`CREATE SCHEMA IF NOT EXISTS "my ""s"; CREATE OR REPLACE VIEW ${VIEW} AS FROM data`);
  const described = await connection.runAndReadAll("DESCRIBE data");
  const [[count] = []] = (await connection.runAndReadAll("SELECT count(*) FROM data")).getRows();
  const columns = described.getRows().map(([name, type]) => ({
    name: String(name),
    type: String(type),
    source_type: `SF ${name}`,
    masked: masked.includes(String(name)),
  }));
  const named = { schema_name: SCHEMA, table_name: "select", description: null, tags: [], columns };
  const snapshot = { row_count: Number(count), size_bytes: 1, version: "1" };
  return { ...named, ...snapshot, synced_at: "", moment: "", fixed_moment: true };
}

/** What a runner writes into a query's result. */
async function resultOf(sql: string, connection: DuckDBConnection = duckdb.connection): Promise<unknown> {
  const result = await connection.stream(sql);
  const writer = chooseWriter("json", result.deduplicatedColumnNames());
  let text = writer.head;
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    for (const row of rowsOf(chunk)) text += writer.write(row);
  }
  return JSON.parse(text + writer.tail);
}

async function refresh(table: DataTable, drawn?: { count: number; seed: number }) {
  return readProfile(await resultOf(tableProfileSql(table, drawn)), table.columns);
}

function sync({ columns, row_count }: DataTable) {
  const { connection } = duckdb;
  const synced = columns.map(({ name, type, source_type }) => ({ name, type, sourceType: String(source_type) }));
  const rest = { version: "1", totalRows: row_count, sizeBytes: 1, signal: UNSTOPPED };
  return takeProfile({ connection, columns: synced, ...rest });
}

/** The refreshed profile of a column of these values. */
async function profileOf(type: string, ...values: string[]) {
  const rows = values.map((value) => `('${value}'::${type})`);
  const { columns } = await refresh(await makeTable(`SELECT v FROM (VALUES ${rows.join(", ")}) t (v)`));
  return columns[0];
}

const EVERY_KIND = `SELECT i::BIGINT AS "ID", CASE WHEN i % 4 = 0 THEN NULL ELSE 'name ' || i % 3 END AS "na""me",
  (i / 8)::DECIMAL(6,1) AS price, (i / 7)::DECIMAL(38,2) AS exact, i / 10 AS "v", i % 2 = 0 AS "pass",
  DATE '2024-01-01' + (i % 90)::INT AS "times", TIMESTAMP '1969-12-31 23:00:00' + INTERVAL (i) MINUTE AS moment,
  TIMESTAMPTZ '2024-01-01 00:00:00+00' + INTERVAL (i) SECOND AS instant, TIME '00:00:00' + INTERVAL (i) SECOND AS clock,
  TIMESTAMP_NS '2024-01-01 00:00:00.000000001' AS precise, i::VARCHAR::BLOB AS bytes, ('{"a": ' || i % 5 || '}')::JSON AS doc,
  170141183460469231731687303715884105727::HUGEINT AS huge, NULL::DOUBLE AS nothing, NULL::VARCHAR AS "likely",
  CASE i % 3 WHEN 0 THEN 'NaN'::DOUBLE WHEN 1 THEN '-inf' ELSE i END AS wild, -(i % 7)::SMALLINT AS small
  FROM range(1000) t (i)`;
const vega = (file: string) => new URL(`../../node_modules/vega-datasets/data/${file}`, import.meta.url).pathname;

describe("a refreshed profile says what the sync's does", () => {
  test.for([
    ["of every kind of value", EVERY_KIND],
    ["of one row", `${EVERY_KIND} WHERE i = 5`],
    ["of no rows", `${EVERY_KIND} WHERE i < 0`],
    ["of MOVIES", `SELECT * FROM read_json_auto('${vega("movies.json")}')`],
    [
      "of WEATHER",
      `SELECT * REPLACE (precipitation::DECIMAL(6,1) AS precipitation, wind::DECIMAL(6,1) AS wind)
        FROM read_csv_auto('${vega("weather.csv")}')`,
    ],
  ] as const)("%s", async ([, select]) => {
    const table = await makeTable(select);
    const { row_count, columns } = await sync(table);
    expect(await refresh(table)).toEqual({ row_count, columns });
  });

  test("of so many values that a sample tells which are frequent, but for what is estimated", async () => {
    const table = await makeTable(
      `SELECT CASE WHEN i % 10 = 0 THEN -1 ELSE i END AS mixed, 'x' || (i % 7) AS few FROM range(1100000) t (i)`,
    );
    const [synced, refreshed] = [await sync(table), await refresh(table)];
    const estimates = { mean: null, std: null, q25: null, q50: null, q75: null };
    const known = (columns: object[]) => columns.map((column) => ({ ...column, ...estimates }));
    expect(known(refreshed.columns)).toEqual(known(synced.columns));
    expect(refreshed.columns).toMatchObject([
      { distinct_is_exact: false, top_values: [{ value: -1, count: 110_000 }] },
      { distinct_is_exact: true, distinct_count: 7 },
    ]);
  });
});

test("quartiles of decimals and whole numbers have their fractions, and bins that are empty are there", async () => {
  expect(await profileOf("DECIMAL(4,1)", "0.5", "0.5", "1.5", "9.5")).toMatchObject({
    ...{ min: 0.5, max: 9.5, q25: 0.5, q50: 1, distinct_count: 3, distinct_is_exact: true },
    top_values: [
      { value: 0.5, count: 2 },
      { value: 1.5, count: 1 },
      { value: 9.5, count: 1 },
    ],
    histogram: Array.from({ length: 20 }, () => ({ count: expect.any(Number) })),
  });
  expect(await profileOf("BIGINT", "1", "2", "3", "4")).toMatchObject({ q50: 2.5 });
  expect(await profileOf("DATE", "2024-01-01", "2024-01-03")).toMatchObject({
    histogram: [
      { from: "2024-01-01", to: "2024-01-02", count: 1 },
      { from: "2024-01-02", to: "2024-01-03", count: 0 },
      { from: "2024-01-03", to: "2024-01-03", count: 1 },
    ],
  });
});

test.for(["DOUBLE", "FLOAT"])("what is not finite in a %s is no figure", async (type) => {
  expect(await profileOf(type, "nan", "inf", "-inf", "1", "3")).toMatchObject({
    ...{ null_count: 0, min: 1, max: 3, mean: 2, std: Math.SQRT2, q50: 2 },
    top_values: ["-Infinity", 1, 3, "Infinity", "NaN"].map((value) => ({ value, count: 1 })),
  });
  const none = { null_count: 0, min: null, max: null, mean: null, std: null, q25: null, histogram: null };
  expect(await profileOf(type, "nan", "inf")).toMatchObject(none);
});

test.for(["DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NS"])(
  "what is not finite in a %s is no figure",
  async (type) => {
    const day = expect.stringMatching(/^2024-01-01/);
    expect(await profileOf(type, "infinity", "2024-01-01", "-infinity", "infinity")).toMatchObject({
      ...{ null_count: 0, min: day, max: day, q25: day, q50: day, q75: day },
      top_values: [{ value: "infinity", count: 2 }, { value: "-infinity" }, { value: day }],
      histogram: [{ from: day, to: day, count: 1 }],
    });
  },
);

test.for(["VARCHAR", "BLOB", "JSON", "VARCHAR[]"])("of a long %s a profile shows 256 characters", async (type) => {
  const [a = "", b = ""] = ["a", "b"].map((end) => `["${"x".repeat(100_000)}${end}"]`);
  const long = expect.toSatisfy((text) => text.length === 256);
  expect(await profileOf(type, a, a, b)).toMatchObject({
    top_values: [
      { value: long, count: 2 },
      { value: long, count: 1 },
    ],
  });
});

test("of a masked column only the nulls are counted", async () => {
  const table = await makeTable(EVERY_KIND, { masked: ["ID", 'na"me'] });
  const { columns, row_count } = await refresh(table);
  expect(row_count).toBe(1000);
  expect(columns[0]).toMatchObject({ null_count: 0, max: null, top_values: null });
  expect(columns[1]).toMatchObject({
    null_count: 250,
    null_share: 0.25,
    distinct_count: null,
    min: null,
    histogram: null,
  });
  expect(columns[2]).toMatchObject({ max: 124.9 });
});

test("a profile of some rows is of so many", async () => {
  const table = await makeTable(EVERY_KIND);
  const { row_count, columns } = await refresh(table, { count: 100, seed: 3 });
  expect(row_count).toBe(100);
  expect(columns[0]?.histogram?.reduce((sum, { count }) => sum + count, 0)).toBe(100);
  expect(columns[0]?.distinct_count).toBe(100);
});

test("only one column's values are held at a time, as a query has no disk to put them on", async () => {
  const texts = Array.from({ length: 8 }, (_, at) => `md5('${at}' || i) AS c${at}`);
  const table = await makeTable(`SELECT ${texts.join(", ")} FROM range(300000) t (i)`);
  await duckdb.close();
  const small = await scratch.open("table.duckdb", { memoryMb: 128, scratchDir: "", readOnly: true });
  const result = await resultOf(tableProfileSql(table, undefined), small.connection);
  const { columns } = readProfile(result, table.columns);
  expect(columns.map(({ distinct_count }) => distinct_count)).toEqual(texts.map(() => 300_000));
});

test("runners let what is asked pass, and it reads the one table", async () => {
  const table = await makeTable(EVERY_KIND, { masked: ["ID"] });
  for (const drawn of [undefined, { count: 100, seed: 3 }]) {
    const large = { ...table, row_count: 10_000_000 };
    const sql = tableProfileSql(large, drawn);
    const reader = await duckdb.connection.runAndReadAll("SELECT json_serialize_sql($1::VARCHAR)", [sql]);
    const tree = String(reader.getRows()[0]?.[0]);
    expect(judgeQuery(sql, tree, [{ schema: SCHEMA, table: "select" }])).toEqual([{ grant: 0, schema: SCHEMA }]);
  }
});
