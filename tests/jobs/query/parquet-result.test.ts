import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDuckdb } from "../../../jobs/snapshot/open-duckdb.ts";
import { quoteText } from "../../../shared/quote-sql.ts";
import { LIMITS, type QueryScene, SPOOL_BYTES, startQueryScene } from "./start-query-scene.ts";

let scene: QueryScene;
beforeAll(async () => {
  scene = await startQueryScene();
});
afterAll(() => scene?.close());

/** What a Parquet file holds: its columns with their types, and the rows as DuckDB's own text. */
async function readParquet(object: string) {
  const path = join(scene.scratchDir, "read.parquet");
  await scene.bucket.file(object).download({ destination: path });
  const duckdb = await openDuckdb({ path: null, scratchDir: scene.scratchDir, memoryMb: 256, threads: 1 });
  try {
    const types = await duckdb.connection.runAndReadAll(`DESCRIBE FROM read_parquet(${quoteText(path)})`);
    const rows = await duckdb.connection.runAndReadAll(
      `SELECT COLUMNS(*)::VARCHAR FROM read_parquet(${quoteText(path)})`,
    );
    return { types: types.getRows().map((row) => row[1]), rows: rows.getRows() };
  } finally {
    await duckdb.close();
    await rm(path);
  }
}

test.each([
  ["true", "BOOLEAN", "true"],
  ["(-128)::TINYINT", "TINYINT", "-128"],
  ["18446744073709551615::UBIGINT", "UBIGINT", "18446744073709551615"],
  ["(-9223372036854775808)::BIGINT", "BIGINT", "-9223372036854775808"],
  ["sum(9223372036854775807::BIGINT)", "DECIMAL(38,0)", "9223372036854775807"],
  [
    "12345678901234567890123456.789012345678::DECIMAL(38,12)",
    "DECIMAL(38,12)",
    "12345678901234567890123456.789012345678",
  ],
  ["0.1::DOUBLE + 0.2::DOUBLE", "DOUBLE", "0.30000000000000004"],
  ["'nan'::DOUBLE", "DOUBLE", "nan"],
  ["'-inf'::FLOAT", "FLOAT", "-inf"],
  ["5e-324::DOUBLE", "DOUBLE", "5e-324"],
  ["0.1::FLOAT", "FLOAT", "0.1"],
  ["-0.0::DOUBLE", "DOUBLE", "-0.0"],
  ["DATE '9999-12-31'", "DATE", "9999-12-31"],
  ["DATE '0044-03-15 (BC)'", "DATE", "0044-03-15 (BC)"],
  ["'infinity'::DATE", "DATE", "infinity"],
  ["'-infinity'::DATE", "DATE", "-infinity"],
  ["TIME '23:59:59.999999'", "TIME", "23:59:59.999999"],
  ["TIMESTAMP '1969-12-31 23:59:59.999999'", "TIMESTAMP", "1969-12-31 23:59:59.999999"],
  ["'2262-04-11 23:47:16.854775806'::TIMESTAMP_NS", "TIMESTAMP_NS", "2262-04-11 23:47:16.854775806"],
  ["TIMESTAMPTZ '2001-01-01 00:00:00+05:30'", "TIMESTAMP WITH TIME ZONE", "2000-12-31 18:30:00+00"],
  ["TIMESTAMP '0044-03-15 (BC) 01:02:03'", "TIMESTAMP", "0044-03-15 (BC) 01:02:03"],
  ["'infinity'::TIMESTAMP", "TIMESTAMP", "infinity"],
  ["'-infinity'::TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", "-infinity"],
  ["'infinity'::TIMESTAMP_S", "TIMESTAMP", "infinity"],
  ["'292278-12-22 00:00:00'::TIMESTAMP_S", "TIMESTAMP", "292278-12-22 00:00:00"],
  ["'-infinity'::TIMESTAMP_MS", "TIMESTAMP", "-infinity"],
  ["'infinity'::TIMESTAMP_NS", "TIMESTAMP_NS", "infinity"],
  ["'00112233-4455-6677-8899-aabbccddeeff'::UUID", "UUID", "00112233-4455-6677-8899-aabbccddeeff"],
  ["'\\x00\\xFFa'::BLOB", "BLOB", "\\x00\\xFFa"],
  ["'ünï \u0001 \"quoted\"\n\\'", "VARCHAR", 'ünï \u0001 "quoted"\n\\'],
  ["''", "VARCHAR", ""],
  ["'NULL'", "VARCHAR", "NULL"],
  ["NULL::INTEGER", "INTEGER", null],
  ["'{\"a\": 1}'::JSON", "JSON", '{"a": 1}'],
  ["[1, NULL]", "VARCHAR", "[1,null]"],
  ["{'a': 1, 'b': ['x']}", "VARCHAR", '{"a":1,"b":["x"]}'],
  ["row(1, row(2, 3))", "VARCHAR", "[1,[2,3]]"],
  ["{'__proto__': 1}::VARIANT", "VARCHAR", '{"__proto__":1}'],
  ["INTERVAL 3 DAY", "VARCHAR", "3 days"],
  ["'b'::ENUM ('a', 'b')", "VARCHAR", "b"],
])("Parquet holds %s as %s", async (expression, type, text) => {
  const { object } = await scene.run({ sql: `SELECT ${expression} AS v`, format: "parquet" });
  expect(await readParquet(object)).toEqual({ types: [type], rows: [[text]] });
});

test("an empty result is a Parquet file with its columns", async () => {
  const { object, rowCount } = await scene.run({ sql: "SELECT 1 AS a, 'x' AS b WHERE false", format: "parquet" });
  expect([rowCount, await readParquet(object)]).toEqual([0, { types: ["INTEGER", "VARCHAR"], rows: [] }]);
});

test("a number that Parquet cannot hold is told with its column and what to do, and nothing of how it was tried", async () => {
  const sql = `SELECT 1 AS a, NULL::HUGEINT AS b, 170141183460469231731687303715884105727::HUGEINT AS "the ""big"" one"
    UNION ALL SELECT 2, 3, 4`;
  await expect(scene.run({ sql, format: "parquet" })).rejects.toMatchObject({
    code: "sql_error",
    message:
      'Parquet cannot hold the value 170141183460469231731687303715884105727 of the column "the ""big"" one", a HUGEINT. ' +
      "Cast it to VARCHAR or DOUBLE in the query, or ask for CSV or JSON.",
  });
});

test("a row of many megabytes fits", async () => {
  const { object } = await scene.run({ sql: "SELECT repeat('x', 20000000) AS t", format: "parquet" });
  expect((await readParquet(object)).rows[0]?.[0]).toHaveLength(20000000);
});

test("a row that is too long for Parquet is told, with what to do", async () => {
  const sql = "SELECT repeat('x', 34000000) AS t";
  await expect(scene.run({ sql, format: "parquet", limits: { ...LIMITS, memoryMb: 512 } })).rejects.toMatchObject({
    code: "result_too_large",
    message: expect.stringContaining("A row of the result is more than 33554432 bytes of text"),
  });
});

test.each([
  ["a few times the result's limit", 5_000_000, 20_000_000],
  ["what the disk has for it", 100_000_000, SPOOL_BYTES],
])("rows whose text is more than %s are no Parquet file, however small that would be", async (_, bytes, most) => {
  const sql = "SELECT repeat('x', 100000) AS t FROM range(1000)";
  await expect(scene.run({ sql, format: "parquet", limits: { ...LIMITS, bytes } })).rejects.toMatchObject({
    code: "result_too_large",
    message: expect.stringContaining(`rows are more than ${most} bytes of text`),
  });
});

/** Rows that come in no time, and take seconds to be written as Parquet. */
const SLOW_TO_CONVERT = {
  sql: "SELECT range AS a, hash(range)::VARCHAR AS b, range / 7 AS c FROM range(400000)",
  format: "parquet",
  limits: { ...LIMITS, bytes: 2 ** 30, rows: 1_000_000 },
} as const;

/** The rows whose conversion has begun and is not over. */
const listConverting = async () => {
  const names = await readdir(scene.scratchDir);
  return names.filter((name) => name.endsWith(".parquet") && names.includes(name.replace(".parquet", ".jsonl")));
};

test("a conversion that nobody waits for any longer ends with the reason, and leaves nothing", async () => {
  const cancel = new AbortController();
  const running = scene.run(SLOW_TO_CONVERT, cancel.signal);
  running.catch(() => undefined);
  await expect.poll(listConverting, { interval: 1 }).toHaveLength(1);
  cancel.abort(new Error("no longer wanted"));
  await expect(running).rejects.toThrow("no longer wanted");
  expect((await readdir(scene.scratchDir)).filter((name) => !/^query-\w+$/.test(name))).toEqual([]);
});

test("conversions are done one after another", async () => {
  const small = { sql: "SELECT range AS a FROM range(20000)", format: "parquet" } as const;
  const all = Promise.all([scene.run(SLOW_TO_CONVERT), scene.run(SLOW_TO_CONVERT), scene.run(small)]);
  let most = 0;
  const isOver = all.then(() => true);
  while (!(await Promise.race([isOver, new Promise((resolve) => setImmediate(resolve, false))])))
    most = Math.max(most, (await listConverting()).length);
  expect(most).toBe(1);
  expect((await all).map(({ rowCount }) => rowCount)).toEqual([400_000, 400_000, 20_000]);
});
