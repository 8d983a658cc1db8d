import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type MergeIncrementOptions, mergeIncrement } from "../../../jobs/snapshot/merge-increment.ts";
import type { OpenDuckdb } from "../../../jobs/snapshot/open-duckdb.ts";
import { openScratch, type Scratch } from "./open-scratch.ts";

let scratch: Scratch;
let duckdb: OpenDuckdb;
beforeEach(async () => {
  scratch = await openScratch();
});
afterEach(() => scratch.close());

const INCREMENT = "memory.main.increment";

interface Scene extends Partial<MergeIncrementOptions> {
  /** What the previous snapshot's file holds, and what was read since: SQL. */
  before: string;
  since: string;
}

async function merge({ before, since, ...options }: Scene) {
  const previous = await scratch.open("previous.duckdb");
  await previous.connection.run(`CREATE TABLE data AS ${before}`);
  await previous.close();
  duckdb = await scratch.open("table.duckdb");
  await duckdb.attach(scratch.path("previous.duckdb"), "previous");
  const { connection } = duckdb;
  await connection.run(`CREATE TABLE ${INCREMENT} AS ${since}`);
  const described = (await connection.runAndReadAll(`DESCRIBE ${INCREMENT}`)).getRows();
  return mergeIncrement({
    ...{ connection, base: '"previous"."main"."data"', increment: INCREMENT },
    columns: described.map(([name, type]) => ({ name: String(name), type: String(type) })),
    ...{ primaryKey: null, watermark: null, ...options },
  });
}

const rows = async (sql = "FROM data") => (await duckdb.connection.runAndReadAll(sql)).getRowsJson();
const values = (names: string, ...tuples: string[]) => `FROM (VALUES ${tuples.join(", ")}) AS rows(${names})`;

describe("rows", () => {
  test("are appended behind those that are there, without a key", async () => {
    const outcome = await merge({
      before: "SELECT i AS id FROM range(3000) AS rows(i)",
      since: "SELECT i AS id FROM range(3000, 5000) AS rows(i)",
    });
    expect(outcome).toEqual({ compatible: true, rows: 5000, kept: 3000, written: 2000, notes: [] });
    expect(await rows("SELECT count(*) FROM data WHERE id <> rowid")).toEqual([["0"]]);
  });

  test("replace those with the same key, of whichever columns it is", async () => {
    const outcome = await merge({
      before: values("a, b, v", "(1, 'x', 'old')", "(1, 'y', 'old')", "(2, 'x', 'old')"),
      since: values("a, b, v", "(1, 'y', 'new')", "(3, 'x', 'new')"),
      primaryKey: ["a", "b"],
    });
    expect(outcome).toMatchObject({ compatible: true, rows: 4, kept: 2, written: 2 });
    expect(await rows()).toEqual([
      [1, "x", "old"],
      [2, "x", "old"],
      [1, "y", "new"],
      [3, "x", "new"],
    ]);
  });

  test("count once per key, where several were read: the one with the largest watermark, then the one read last", async () => {
    await merge({
      before: values("id, w, v", "(1, 1, 'old')"),
      since: values(
        "id, w, v",
        "(1, 5, 'newest')",
        "(1, 4, 'newer')",
        "(2, 7, 'first')",
        "(2, 7, 'last')",
        "(3, NULL, 'none')",
        "(3, 1, 'some')",
      ),
      ...{ primaryKey: ["id"], watermark: "w" },
    });
    expect(await rows("FROM data ORDER BY id")).toEqual([
      [1, 5, "newest"],
      [2, 7, "last"],
      [3, 1, "some"],
    ]);
  });

  test("without a watermark count as they were read", async () => {
    await merge({
      before: values("id, v", "(9, 'x')"),
      since: values("id, v", "(1, 'a')", "(1, 'b')"),
      primaryKey: ["id"],
    });
    expect(await rows()).toEqual([
      [9, "x"],
      [1, "b"],
    ]);
  });

  test("whose key is null are one row, as any other key's", async () => {
    await merge({
      before: values("id, v", "(NULL::INTEGER, 'old')", "(1, 'old')"),
      since: values("id, v", "(NULL::INTEGER, 'new')"),
      primaryKey: ["id"],
    });
    expect(await rows()).toEqual([
      [1, "old"],
      [null, "new"],
    ]);
  });

  test("that the source no longer has are left out, where its keys are known", async () => {
    const outcome = await merge({
      before: values("id, v", "(1, 'stays')", "(2, 'goes')", "(3, 'old')"),
      since: values("id, v", "(3, 'new')"),
      ...{ primaryKey: ["id"], sourceKeys: "(SELECT unnest([1, 3]) AS id)" },
    });
    expect(outcome).toMatchObject({ rows: 2, kept: 1, written: 1 });
    expect(await rows()).toEqual([
      [1, "stays"],
      [3, "new"],
    ]);
  });

  test("are told apart in a table with a column ROWID", async () => {
    await merge({
      before: values("id, ROWID", "(1, 1)"),
      since: values("id, ROWID", "(1, 2)", "(1, 3)", "(2, 3)"),
      primaryKey: ["id"],
    });
    expect(await rows()).toEqual([
      [1, 3],
      [2, 3],
    ]);
  });

  test("none of which is new leave what was there", async () => {
    const outcome = await merge({
      before: values("id", "(1)"),
      since: `${values("id", "(2)")} LIMIT 0`,
      primaryKey: ["id"],
    });
    expect(outcome).toMatchObject({ compatible: true, rows: 1, kept: 1, written: 0 });
  });
});

describe("columns", () => {
  test("that came are null in old rows, and those that went are gone", async () => {
    const outcome = await merge({
      before: values('id, "gone"', "(1, 'x')"),
      since: values('id, "ne""w"', "(2, DATE '2020-01-01')"),
    });
    expect(outcome).toMatchObject({ notes: ['column ne"w was added', "column gone was dropped"] });
    expect(await rows()).toEqual([
      [1, null],
      [2, "2020-01-01"],
    ]);
  });

  test.each([
    ["SMALLINT", "BIGINT", "7", "7"],
    ["BIGINT", "DECIMAL(38,0)", "9223372036854775807", "9223372036854775807"],
    ["DECIMAL(10,2)", "DECIMAL(12,4)", "12.34", "12.3400"],
    ["DECIMAL(38,0)", "BIGINT", "5", "5"],
    ["JSON", "VARCHAR", "'{\"a\" : 1}'", '{"a" : 1}'],
    ["TIMESTAMP_NS", "TIMESTAMP", "'2020-01-01 00:00:00.123456'", "2020-01-01 00:00:00.123456"],
  ])("of type %s become %s, as long as no value changes", async (was, is, value, text) => {
    const outcome = await merge({ before: `SELECT ${value}::${was} AS v`, since: `SELECT NULL::${is} AS v` });
    expect(outcome).toMatchObject({ compatible: true, notes: [`column v was ${was} and is ${is} now`] });
    expect(await rows("SELECT v::VARCHAR, typeof(v) FROM data LIMIT 1")).toEqual([[text, is]]);
  });

  test.each([
    ["DECIMAL(10,2)", "DECIMAL(10,1)", "12.34"],
    ["DECIMAL(38,0)", "BIGINT", "9223372036854775808"],
    ["TIMESTAMP_NS", "TIMESTAMP", "'2020-01-01 00:00:00.123456789'"],
    ["TIMESTAMP", "TIMESTAMP_NS", "'9999-12-31'"],
    ["VARCHAR", "JSON", "'not JSON'"],
  ])("of type %s with values that do not fit %s are no base", async (was, is, value) => {
    expect(await merge({ before: `SELECT ${value}::${was} AS v`, since: `SELECT NULL::${is} AS v` })).toEqual({
      compatible: false,
      reason: `column v holds values that do not fit ${is}, which it is now`,
    });
    expect(await rows("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'snapshot'")).toEqual([["0"]]);
  });

  test("whose type means something else now are no base, whatever the values", async () => {
    expect(await merge({ before: "SELECT '1' AS v", since: "SELECT 1 AS v" })).toEqual({
      compatible: false,
      reason: "column v was VARCHAR and is INTEGER now",
    });
  });

  test("of the key must be there", async () => {
    expect(await merge({ before: values("id", "(1)"), since: values("v", "(1)"), primaryKey: ["id"] })).toEqual({
      compatible: false,
      reason: "the key's column id is gone",
    });
  });
});

test("the file that was made stands alone", async () => {
  await merge({ before: values("id", "(1)"), since: values("id", "(2)") });
  await duckdb.close();
  const read = await scratch.open("table.duckdb", { readOnly: true });
  expect((await read.connection.runAndReadAll("FROM data")).getRowsJson()).toEqual([[1], [2]]);
});
