import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { beforeAll, expect, test } from "vitest";
import { profileSql } from "../../functions/api/profile-sql.ts";
import { readProfileRows } from "../../functions/api/to-profile-reply.ts";
import { judgeQuery } from "../../jobs/query/judge-query.ts";
import { chooseWriter, rowsOf } from "../../jobs/query/write-rows.ts";
import type { DataTable } from "../../shared/contract/data.ts";

let duckdb: DuckDBConnection;
beforeAll(async () => {
  duckdb = await (await DuckDBInstance.create()).connect();
  await duckdb.run("set TimeZone = 'UTC'");
  await duckdb.run(`
    create schema "my ""s"; create table "my ""s"."select" as
    select i::bigint as "ID", case when i % 4 = 0 then null else 'name ' || i % 3 end as "na""me",
           (i / 4)::decimal(38, 2) as price, i / 10 as ratio, i % 2 = 0 as flag, date '2024-01-01' + i::int as day,
           timestamp '1969-12-31 23:00:00' + interval (i) minute as moment,
           timestamptz '2024-01-01 00:00:00+00' + interval (i) second as instant,
           timestamp_ns '2024-01-01 00:00:00.000000001' as precise, i::varchar::blob as bytes,
           170141183460469231731687303715884105727::hugeint as huge, null::double as nothing
      from range(1000) t (i)`);
});

async function tableOf(masked: string[] = [], name = "select"): Promise<DataTable> {
  const described = await duckdb.runAndReadAll(`describe "my ""s"."${name}"`);
  const columns = described.getRows().map(([name, type]) => ({
    name: String(name),
    type: String(type),
    masked: masked.includes(String(name)),
  }));
  return {
    schema_name: 'my "s',
    table_name: name,
    description: null,
    tags: [],
    columns,
    row_count: 1000,
    size_bytes: 1,
    version: "1",
    synced_at: "",
    moment: "",
    fixed_moment: true,
  };
}

/** What a runner writes into a query's result. */
async function resultOf(sql: string): Promise<unknown> {
  const result = await duckdb.stream(sql);
  const writer = chooseWriter("json", result.deduplicatedColumnNames());
  let text = writer.head;
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    for (const row of rowsOf(chunk)) text += writer.write(row);
  }
  return JSON.parse(text + writer.tail);
}

test("a profile is computed of values of every kind", async () => {
  const table = await tableOf();
  const { row_count, columns } = readProfileRows(await resultOf(profileSql(table, undefined)), table.columns);
  expect(row_count).toBe(1000);
  const known = new Map(columns.map((column) => [column.name, column]));
  expect(columns.map(({ name }) => name)).toEqual(table.columns.map(({ name }) => name));
  expect(known.get("ID")).toMatchObject({
    null_count: 0,
    null_share: 0,
    distinct_is_exact: false,
    min: 0,
    max: 999,
    mean: 499.5,
    histogram: Array.from({ length: 20 }, () => ({ count: expect.any(Number) })),
  });
  expect(known.get("ID")?.histogram?.reduce((sum, { count }) => sum + count, 0)).toBe(1000);
  expect(known.get("ID")?.histogram?.at(-1)).toMatchObject({ to: 999, count: 50 });
  expect(known.get('na"me')).toMatchObject({
    null_count: 250,
    null_share: 0.25,
    distinct_count: 3,
    min: "name 0",
    max: "name 2",
    mean: null,
    q50: null,
    histogram: null,
    top_values: Array.from({ length: 3 }, () => ({ value: expect.stringMatching(/^name [012]$/), count: 250 })),
  });
  expect(known.get("price")).toMatchObject({ min: 0, max: 249.75 });
  expect(known.get("ratio")).toMatchObject({ min: 0, max: 99.9 });
  expect(known.get("flag")).toMatchObject({
    min: false,
    max: true,
    top_values: [
      { value: false, count: 500 },
      { value: true, count: 500 },
    ],
  });
  expect(known.get("day")).toMatchObject({
    min: "2024-01-01",
    max: "2026-09-26",
    q25: expect.stringMatching(/^2024-09-/),
  });
  expect(known.get("moment")).toMatchObject({ min: "1969-12-31T23:00:00", max: "1970-01-01T15:39:00" });
  expect(known.get("instant")).toMatchObject({ min: "2024-01-01T00:00:00Z", max: "2024-01-01T00:16:39Z" });
  expect(known.get("precise")).toMatchObject({ min: "2024-01-01T00:00:00.000000001" });
  expect(known.get("bytes")).toMatchObject({ min: "MA==" });
  expect(known.get("huge")).toMatchObject({ min: "170141183460469231731687303715884105727" });
  expect(known.get("nothing")).toMatchObject({
    null_count: 1000,
    null_share: 1,
    min: null,
    mean: null,
    top_values: [],
    histogram: null,
  });
});

/** The profile of a table that has a column of these values. */
async function profileOf(type: string, ...values: string[]) {
  const rows = values.map((value) => `('${value}'::${type})`);
  await duckdb.run(`create or replace table "my ""s".odd as select v from (values ${rows.join(", ")}) t (v)`);
  const table = await tableOf([], "odd");
  const { columns } = readProfileRows(await resultOf(profileSql(table, undefined)), table.columns);
  return columns[0];
}

test.for(["DOUBLE", "FLOAT"])("what is not finite in a %s is no figure", async (type) => {
  expect(await profileOf(type, "nan", "inf", "-inf", "1", "3")).toMatchObject({
    null_count: 0,
    min: 1,
    max: 3,
    mean: 2,
    std: Math.SQRT2,
    q50: expect.toSatisfy((q50) => q50 >= 1 && q50 <= 3),
    top_values: expect.arrayContaining([{ value: 1, count: 1 }]),
    histogram: [
      { from: 1, to: 1.1, count: 1 },
      { from: expect.closeTo(2.9), to: 3, count: 1 },
    ],
  });
  const none = { null_count: 0, min: null, max: null, mean: null, std: null, q25: null, histogram: null };
  expect(await profileOf(type, "nan", "inf")).toMatchObject(none);
});

test("of doubles that are too large to be squared there are all figures but mean and deviation", async () => {
  expect(await profileOf("DOUBLE", "1e200", "2e200", "1")).toMatchObject({ max: 2e200, mean: null, std: null });
  const [least, greatest] = [-Number.MAX_VALUE, Number.MAX_VALUE];
  const widest = await profileOf("DOUBLE", String(least), String(greatest), "0", "1e308");
  expect(widest).toMatchObject({ min: least, max: greatest, mean: null });
  expect(widest?.histogram?.map(({ count }) => count)).toEqual([1, 1, 1, 1]);
  expect([widest?.histogram?.at(0)?.from, widest?.histogram?.at(-1)?.to]).toEqual([least, greatest]);
  for (const { from, to } of widest?.histogram ?? []) expect(Number(from)).toBeLessThan(Number(to));
});

test.for(["DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NS"])(
  "what is not finite in a %s is no figure",
  async (type) => {
    const day = expect.stringMatching(/^2024-01-01/);
    const figures = { null_count: 0, min: day, max: day, q25: day, q50: day, q75: day };
    const top_values = expect.arrayContaining([{ value: "infinity", count: 2 }]);
    expect(await profileOf(type, "infinity", "2024-01-01", "-infinity", "infinity")).toMatchObject({
      ...figures,
      top_values,
    });
  },
);

test.for(["VARCHAR", "BLOB", "JSON", "VARCHAR[]"])("of a long %s a profile shows 256 characters", async (type) => {
  const [a, b] = ["a", "b"].map((end) => `["${"x".repeat(100_000)}${end}"]`);
  const column = await profileOf(type, a ?? "", a ?? "", b ?? "");
  const long = expect.toSatisfy((text) => text.length === 256);
  expect(column).toMatchObject({
    min: long,
    max: long,
    top_values: [
      { value: long, count: 2 },
      { value: long, count: 1 },
    ],
  });
});

test("of a masked column only the nulls are counted", async () => {
  const table = await tableOf(['na"me']);
  const sql = profileSql(table, undefined);
  const { columns } = readProfileRows(await resultOf(sql), table.columns);
  expect(columns[1]).toMatchObject({ null_count: 250, distinct_count: null, min: null, max: null, top_values: [] });
});

test("a profile of some rows is of so many", async () => {
  const table = await tableOf();
  const { row_count, columns } = readProfileRows(
    await resultOf(profileSql(table, { count: 100, seed: 3 })),
    table.columns,
  );
  expect(row_count).toBe(100);
  expect(columns[0]?.histogram?.reduce((sum, { count }) => sum + count, 0)).toBe(100);
});

test("runners let what is asked pass, and it reads the one table", async () => {
  const table = await tableOf();
  for (const sampled of [undefined, { count: 100, seed: 3 }]) {
    const sql = profileSql(table, sampled);
    const tree = String(
      (await duckdb.runAndReadAll("select json_serialize_sql($1::varchar)", [sql])).getRows()[0]?.[0],
    );
    expect(judgeQuery(sql, tree, [{ schema: 'my "s', table: "select" }])).toEqual([{ grant: 0, schema: 'my "s' }]);
  }
});
