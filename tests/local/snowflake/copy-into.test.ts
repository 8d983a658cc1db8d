import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Caller, callSnowflake } from "./call-snowflake.ts";
import { BUCKET, serveSnowflake } from "./serve-snowflake.ts";

let served: Awaited<ReturnType<typeof serveSnowflake>>;
let snowflake: Caller;
let folder: string;
beforeAll(async () => {
  served = await serveSnowflake();
  snowflake = await callSnowflake(served.url);
  folder = await mkdtemp(join(tmpdir(), "corral-unloaded-"));
});
afterAll(async () => {
  await served.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => served.bucket.deleteFiles());

const PARQUET = "STORAGE_INTEGRATION = gcs FILE_FORMAT = (TYPE = PARQUET)";
const unload = (path: string, source: string, options = "HEADER = TRUE") =>
  `COPY INTO 'gcs://${BUCKET}/${path}' FROM ${source} ${PARQUET} ${options}`;
const names = async () => (await served.bucket.getFiles())[0].map(({ name }) => name).sort();

/** What DuckDB reads from the objects under a prefix. */
async function readBack(sql: string): Promise<unknown[]> {
  const [files] = await served.bucket.getFiles();
  const paths = await Promise.all(
    files.map(async (file, at) => {
      const destination = join(folder, `${at}.parquet`);
      await file.download({ destination });
      return `'${destination}'`;
    }),
  );
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const rows = await connection.runAndReadAll(sql.replace("FILES", `read_parquet([${paths.join(", ")}])`));
  connection.closeSync();
  instance.closeSync();
  return rows.getRowObjectsJson();
}

test("a table goes into the bucket as snappy Parquet, under the names that Snowflake gives, with its columns' names", async () => {
  await snowflake.run(
    "CREATE OR REPLACE TABLE t (\"lower\" INT, B VARCHAR) AS SELECT column1, column2 FROM VALUES (1, 'a'), (2, NULL)",
  );
  const { rowset, rowtype } = await snowflake.run(unload("a/t/", "t"));
  const [size] = await served.bucket.file("a/t/data_0_0_0.snappy.parquet").getMetadata();
  expect(rowtype.map(({ name }) => name)).toEqual(["rows_unloaded", "input_bytes", "output_bytes"]);
  expect(rowset).toEqual([["2", expect.any(String), String(size.size)]]);
  expect(await names()).toEqual(["a/t/data_0_0_0.snappy.parquet"]);
  expect(await readBack('SELECT "lower", B FROM FILES')).toEqual([
    { lower: "1", B: "a" },
    { lower: "2", B: null },
  ]);
});

test("three million rows become many files that hold them all", async () => {
  const rows = await snowflake.cells(
    unload("f/", "(SELECT delay, origin FROM flights)", "HEADER = TRUE DETAILED_OUTPUT = TRUE"),
  );
  expect(rows.length).toBeGreaterThan(4);
  expect(rows.map(([name]) => `f/${name}`).sort()).toEqual(await names());
  expect(rows.reduce((sum, [, , count]) => sum + Number(count), 0)).toBe(3_000_000);
  const [[sum] = []] = await snowflake.cells("SELECT SUM(delay) FROM flights");
  expect(await readBack("SELECT count(*)::VARCHAR AS n, sum(DELAY)::VARCHAR AS s FROM FILES")).toEqual([
    { n: "3000000", s: sum },
  ]);
});

test("values that Parquet takes arrive: numbers exactly, times in milliseconds, semi-structured values as JSON", async () => {
  const source = `(SELECT ${"9".repeat(38)}::NUMBER(38,0) n, 1.25::NUMBER(5,2) d, '1066-10-14'::DATE day, '9999-12-31 23:59:59.999999999'::TIMESTAMP_NTZ ts,
    '1969-12-31 23:59:59.9999'::TIMESTAMP_NTZ old, '01:02:03.456789'::TIME tm, PARSE_JSON('{"a":1}') v, TO_BINARY('CAFE') b, true ok)`;
  await snowflake.run(unload("v/", source));
  expect(
    await readBack(
      'SELECT N::VARCHAR AS n, D::VARCHAR AS d, "DAY"::VARCHAR AS day, TS::VARCHAR AS ts, OLD::VARCHAR AS old, TM::VARCHAR AS tm, V, hex(B) AS b, OK FROM FILES',
    ),
  ).toEqual([
    {
      ...{
        n: "9".repeat(38),
        d: "1.25",
        day: "1066-10-14",
        ts: "9999-12-31 23:59:59.999",
        old: "1969-12-31 23:59:59.999",
      },
      ...{ tm: "01:02:03.456", V: '{"a":1}', b: "CAFE", OK: true },
    },
  ]);
});

test("moments with a zone are refused, and go as UTC", async () => {
  const zoned = {
    errorCode: "100171",
    sqlState: "22000",
    message: expect.stringContaining("TIMESTAMP_TZ and LTZ types are not supported for unloading to Parquet"),
  };
  expect(await snowflake.refusal(unload("z/", "(SELECT CURRENT_TIMESTAMP() c)"))).toMatchObject(zoned);
  expect(await snowflake.refusal(unload("z/", "(SELECT '2020-01-01'::TIMESTAMP_TZ c)"))).toMatchObject(zoned);
  expect(await names()).toEqual([]);
  await snowflake.run(
    unload("z/", "(SELECT CONVERT_TIMEZONE('UTC', '2020-01-01 00:00:00 +0200'::TIMESTAMP_TZ)::TIMESTAMP_NTZ c)"),
  );
  expect(await readBack("SELECT C::VARCHAR c FROM FILES")).toEqual([{ c: "2019-12-31 22:00:00" }]);
});

test("no rows make no file", async () => {
  const [row] = await snowflake.cells(unload("none/", "(SELECT * FROM airports WHERE false)"));
  expect(row).toEqual(["0", "0", "0"]);
  expect(await names()).toEqual([]);
});

test("a path without a slash begins the names, SINGLE makes it the name, columns without HEADER have numbers", async () => {
  await snowflake.run(unload("p/part", "(SELECT 1 a)"));
  await snowflake.run(unload("one.parquet", "(SELECT 1 a)", "SINGLE = TRUE"));
  expect(await names()).toEqual(["one.parquet", "p/part_0_0_0.snappy.parquet"]);
  await served.bucket.deleteFiles();
  await snowflake.run(unload("h/", "(SELECT 1 a, 2 b)", ""));
  expect(await readBack("SELECT * FROM FILES")).toEqual([{ _COL_0: 1, _COL_1: 2 }]);
});

test("files that are there are not replaced unless OVERWRITE says so", async () => {
  await snowflake.run(unload("o/", "(SELECT 1 a)"));
  expect(await snowflake.refusal(unload("o/", "(SELECT 2 a)"))).toMatchObject({ errorCode: "001030" });
  await snowflake.run(unload("o/", "(SELECT 3 a)", "HEADER = TRUE OVERWRITE = TRUE"));
  expect(await readBack("SELECT A FROM FILES")).toEqual([{ A: 3 }]);
});

test("a moment of the past is unloaded as it was", async () => {
  await snowflake.run("CREATE OR REPLACE TABLE past AS SELECT 1 AS a");
  const { queryId } = await snowflake.run("UPDATE past SET a = 2");
  await snowflake.run(unload("past/", `(SELECT * FROM past BEFORE(STATEMENT => '${queryId}'))`));
  expect(await readBack("SELECT A FROM FILES")).toEqual([{ A: "1" }]);
});

describe("MAX_FILE_SIZE", () => {
  const files = async (source: string, options: string) =>
    (await snowflake.cells(unload("m/", source, `${options} HEADER = TRUE DETAILED_OUTPUT = TRUE`))).map(
      ([name, size, rows]) => ({ name: `m/${name}`, size: Number(size), rows: Number(rows) }),
    );

  test("of little more than a file's own costs makes many files, which hold all rows", async () => {
    const written = await files("airports", "MAX_FILE_SIZE = 20000");
    expect(written.length).toBeGreaterThan(6);
    expect(Math.max(...written.map(({ size }) => size))).toBeLessThan(40_000);
    expect(written.map(({ name }) => name).sort()).toEqual(await names());
    const [[count, texts] = []] = await snowflake.cells("SELECT COUNT(*), SUM(LENGTH(name)) FROM airports");
    expect(await readBack("SELECT count(*)::VARCHAR AS n, sum(length(NAME))::VARCHAR AS t FROM FILES")).toEqual([
      { n: count, t: texts },
    ]);
    expect(await readBack("SELECT column_name FROM (DESCRIBE SELECT * FROM FILES)")).toHaveLength(7);
  });

  test("of 16 MB is what nobody asked for, and one that fits is one file", async () => {
    const wide =
      "(SELECT SHA2(SEQ8()::VARCHAR) || SHA2((-SEQ8())::VARCHAR) t FROM TABLE(GENERATOR(ROWCOUNT => 400000)))";
    const written = await files(wide, "");
    expect(written.length).toBeGreaterThan(1);
    expect(Math.max(...written.map(({ size }) => size))).toBeLessThan(32 * 1024 ** 2);
    await served.bucket.deleteFiles();
    expect(await files(wide, "MAX_FILE_SIZE = 134217728")).toHaveLength(1);
  });

  test("holds the one file of SINGLE, or none is written", async () => {
    const sql = unload("s", "airports", "SINGLE = TRUE MAX_FILE_SIZE = 20000");
    expect(await snowflake.refusal(sql)).toMatchObject({ errorCode: "100102" });
    expect(await names()).toEqual([]);
  });
});

test("other buckets, formats and a missing integration are refused", async () => {
  const copies = [
    "COPY INTO 'gcs://elsewhere/x/' FROM airports STORAGE_INTEGRATION = gcs FILE_FORMAT = (TYPE = PARQUET)",
    `COPY INTO 'gcs://${BUCKET}/x/' FROM airports FILE_FORMAT = (TYPE = PARQUET)`,
    `COPY INTO 'gcs://${BUCKET}/x/' FROM airports STORAGE_INTEGRATION = gcs FILE_FORMAT = (TYPE = CSV)`,
    `COPY INTO 's3://${BUCKET}/x/' FROM airports STORAGE_INTEGRATION = gcs FILE_FORMAT = (TYPE = PARQUET)`,
  ];
  const codes = await Promise.all(copies.map(async (sql) => (await snowflake.refusal(sql)).errorCode));
  expect(codes).toEqual(["091003", "003167", "000002", "001011"]);
  expect(await names()).toEqual([]);
});

test("the integration must be the one that there is, whose name is in capitals unless it is quoted", async () => {
  const copy = (integration: string) => unload("i/", "airports", "").replace("= gcs ", `= ${integration} `);
  const missing = (name: string) => ({
    ...{ errorCode: "002003", sqlState: "02000" },
    message: `SQL compilation error:\nIntegration '${name}' does not exist or not authorized.`,
  });
  expect(await snowflake.refusal(copy("corral"))).toMatchObject(missing("CORRAL"));
  expect(await snowflake.refusal(copy('"gcs"'))).toMatchObject(missing('"gcs"'));
  expect(await names()).toEqual([]);
  await snowflake.run(copy('"GCS"'));
  expect(await names()).toHaveLength(1);
});
