import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { OpenDuckdb } from "../../../jobs/snapshot/open-duckdb.ts";
import { writeSnapshotFiles } from "../../../jobs/snapshot/write-snapshot-files.ts";
import { openScratch, type Scratch, UNSTOPPED } from "./open-scratch.ts";

let scratch: Scratch;
let duckdb: OpenDuckdb;
beforeEach(async () => {
  scratch = await openScratch();
  duckdb = await scratch.open("table.duckdb");
});
afterEach(() => scratch.close());

async function write(sql: string, seed = 7, signal = UNSTOPPED) {
  await duckdb.connection.run(`CREATE OR REPLACE TABLE data AS ${sql}`);
  const described = (await duckdb.connection.runAndReadAll("DESCRIBE data")).getRows();
  const columns = described.map(([name, type]) => ({
    name: String(name),
    type: String(type),
    sourceType: `SF ${name}`,
  }));
  const { connection } = duckdb;
  return writeSnapshotFiles({
    connection,
    dir: scratch.dir,
    version: "000000012-a3f0",
    columns,
    sizeBytes: 4096,
    seed,
    signal,
  });
}

const profileOf = async (type: string, values: string[]) => {
  const selects = values.map((value) => `SELECT ${value}::${type} AS v`);
  const { profile } = await write(selects.join(" UNION ALL "));
  const [column] = profile.columns;
  if (column === undefined) throw new Error("no column");
  return column;
};

test("both files are what is resolved to", async () => {
  const written = await write("SELECT i AS id, 'x' AS t FROM range(3) AS rows(i)");
  const read = async (name: string) => JSON.parse(await readFile(scratch.path(name), "utf8"));
  expect(await read("sample.json")).toEqual(written.sample);
  expect(await read("profile.json")).toEqual(written.profile);
  expect(written.sample).toMatchObject({
    ...{ version: "000000012-a3f0", total_rows: 3, seed: 7, is_first_cut: false, is_random_cut: false },
    columns: [
      { name: "id", type: "BIGINT" },
      { name: "t", type: "VARCHAR" },
    ],
    first: [
      [0, "x"],
      [1, "x"],
      [2, "x"],
    ],
  });
  expect(written.profile).toMatchObject({ version: "000000012-a3f0", row_count: 3, size_bytes: 4096 });
});

describe("the sample", () => {
  const ids = (rows: unknown[][]) => rows.map(([id]) => Number(id));

  test("holds the first thousand rows, in order, and ten thousand others at random, none twice", async () => {
    const { sample } = await write("SELECT i AS id FROM range(50000) AS rows(i)");
    expect(ids(sample.first)).toEqual(Array.from({ length: 1000 }, (_, at) => at));
    expect(new Set(ids(sample.random)).size).toBe(10_000);
    expect(Math.max(...ids(sample.random))).toBeLessThan(50_000);
  });

  test("draws the same rows for the same seed, others for another", async () => {
    const sql = "SELECT i AS id FROM range(30000) AS rows(i)";
    const [one, again, other] = [await write(sql, 1), await write(sql, 1), await write(sql, 2)];
    expect(again.sample.random).toEqual(one.sample.random);
    expect(other.sample.random).not.toEqual(one.sample.random);
  });

  test("is uniform, from its start on: each tenth of the table has its share of any part", async () => {
    const { sample } = await write("SELECT i AS id FROM range(100000) AS rows(i)");
    for (const part of [sample.random, sample.random.slice(0, 2000)]) {
      const tenths = Array.from({ length: 10 }, () => 0);
      for (const id of ids(part)) tenths[Math.floor(id / 10_000)] = (tenths[Math.floor(id / 10_000)] ?? 0) + 1;
      const expected = part.length / 10;
      const chiSquare = tenths.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
      // Nine degrees of freedom: larger in one case of a hundred thousand.
      expect(chiSquare).toBeLessThan(40);
    }
  });

  test("holds all rows of a small table, and none of an empty one", async () => {
    expect(ids((await write("SELECT i AS id FROM range(20) AS rows(i)")).sample.random).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, at) => at),
    );
    const { sample, profile } = await write("SELECT 1 AS id, 'x' AS t WHERE false");
    expect(sample).toMatchObject({ total_rows: 0, first: [], random: [], is_first_cut: false, is_random_cut: false });
    expect(profile.columns[0]).toMatchObject({
      null_count: 0,
      null_share: 0,
      min: null,
      distinct_count: 0,
      top_values: [],
      histogram: null,
    });
  });

  test("stays under 8 MiB, and says where rows are missing", async () => {
    const { sample } = await write("SELECT i AS id, repeat('ü', 2000) AS t FROM range(20000) AS rows(i)");
    expect(Buffer.byteLength(JSON.stringify(sample))).toBeLessThanOrEqual(8 * 1024 * 1024);
    expect(Buffer.byteLength(JSON.stringify(sample))).toBeGreaterThan(7.9 * 1024 * 1024);
    expect(sample).toMatchObject({ is_first_cut: true, is_random_cut: true });
    expect(ids(sample.first)).toEqual(Array.from({ length: sample.first.length }, (_, at) => at));
  });

  test("of which rows were cut is as uniform as the whole: it is its start", async () => {
    const sql = (text: string) => `SELECT i AS id, ${text} AS t FROM range(20000) AS rows(i)`;
    const cut = await write(sql("repeat('x', 3000)"));
    const whole = await write(sql("'x'"));
    expect(cut.sample.is_random_cut).toBe(true);
    expect(ids(cut.sample.random)).toEqual(ids(whole.sample.random).slice(0, cut.sample.random.length));
  });

  test("of a row that alone is too large is empty", async () => {
    const { sample } = await write("SELECT repeat('x', 9000000) AS t");
    expect(sample).toMatchObject({ first: [], random: [], is_first_cut: true, is_random_cut: true });
  });

  test("knows rows apart in a table with a column ROWID", async () => {
    const { sample } = await write("SELECT i AS id, 1 AS ROWID, 2 AS row_number FROM range(2000) AS rows(i)");
    expect(new Set(ids(sample.random)).size).toBe(2000);
    expect(sample.random[0]).toHaveLength(3);
  });
});

describe("the profile", () => {
  test("of numbers", async () => {
    expect(await profileOf("INTEGER", ["1", "2", "2", "4", "NULL"])).toEqual({
      ...{ name: "v", type: "INTEGER", source_type: "SF v", null_count: 1, null_share: 0.2 },
      ...{ distinct_count: 3, distinct_is_exact: true, min: 1, max: 4, mean: 2.25 },
      std: expect.closeTo(1.258, 3),
      ...{ q25: expect.any(Number), q50: 2, q75: expect.any(Number) },
      top_values: [
        { value: 2, count: 2 },
        { value: 1, count: 1 },
        { value: 4, count: 1 },
      ],
      histogram: [
        { from: 1, to: 2, count: 1 },
        { from: 2, to: 3, count: 2 },
        { from: 3, to: 4, count: 0 },
        { from: 4, to: 4, count: 1 },
      ],
    });
  });

  test("of numbers that no double holds", async () => {
    const nines = "9".repeat(38);
    const column = await profileOf("DECIMAL(38,0)", [nines, `-${nines}`, "0"]);
    expect(column).toMatchObject({ min: `-${nines}`, max: nines, mean: 0, distinct_count: 3 });
    expect(column.histogram?.map(({ count }) => count)).toEqual([1, ...Array(9).fill(0), 1, ...Array(8).fill(0), 1]);
  });

  test("of doubles without NaN and infinities", async () => {
    expect(await profileOf("DOUBLE", ["0", "10", "'NaN'", "'inf'", "'-inf'", "NULL"])).toMatchObject({
      ...{ null_count: 1, min: 0, max: 10, mean: 5, distinct_count: 5 },
      histogram: expect.arrayContaining([expect.objectContaining({ from: 0, to: 0.5, count: 1 })]),
    });
  });

  test("of doubles too large to be squared or subtracted", async () => {
    const column = await profileOf("DOUBLE", ["'1.7e308'", "'-1.7e308'", "0"]);
    expect(column).toMatchObject({ min: -1.7e308, max: 1.7e308, mean: null, std: null });
    expect(column.histogram?.reduce((sum, { count }) => sum + count, 0)).toBe(3);
    expect(column.histogram).toHaveLength(20);
  });

  test("of one value only", async () => {
    expect(await profileOf("DOUBLE", ["1.5", "1.5"])).toMatchObject({
      ...{ std: 0, q25: 1.5, q75: 1.5 },
      histogram: [{ from: 1.5, to: 1.5, count: 2 }],
    });
  });

  test("of dates and times, whose quartiles and bins are dates and times", async () => {
    expect(await profileOf("DATE", ["DATE '1969-12-31'", "DATE '1970-01-01'", "DATE '9999-12-31'"])).toMatchObject({
      ...{ min: "1969-12-31", max: "9999-12-31", mean: null, q50: "1970-01-01" },
      histogram: expect.arrayContaining([expect.objectContaining({ from: "1969-12-31", count: 2 })]),
    });
    const moments = ["'1969-12-31 23:59:59.5'", "'1970-01-01 00:00:00'", "'1970-01-01 00:00:00.5'"];
    for (const [type, end] of [
      ["TIMESTAMP", ""],
      ["TIMESTAMP_NS", ""],
      ["TIMESTAMPTZ", "Z"],
    ] as const) {
      const column = await profileOf(type, moments);
      expect(column).toMatchObject({ min: `1969-12-31T23:59:59.5${end}`, q50: `1970-01-01T00:00:00${end}` });
      expect(column.histogram?.[0]).toEqual({
        from: `1969-12-31T23:59:59.5${end}`,
        to: `1969-12-31T23:59:59.55${end}`,
        count: 1,
      });
      expect(column.histogram?.[19]).toMatchObject({ to: `1970-01-01T00:00:00.5${end}`, count: 1 });
    }
    expect(await profileOf("TIME", ["'00:00:00'", "'12:00:00'", "'23:59:59'"])).toMatchObject({
      q50: "12:00:00",
      max: "23:59:59",
    });
  });

  test("of texts, truth, JSON and binaries", async () => {
    expect(await profileOf("VARCHAR", ["''", "'b'", "'b'", "'ü'"])).toMatchObject({
      ...{ min: "", max: "ü", mean: null, q50: null, histogram: null, distinct_count: 3 },
      top_values: [
        { value: "b", count: 2 },
        { value: "", count: 1 },
        { value: "ü", count: 1 },
      ],
    });
    expect(await profileOf("BOOLEAN", ["true", "false", "true"])).toMatchObject({
      ...{ min: false, max: true, histogram: null },
      top_values: [
        { value: true, count: 2 },
        { value: false, count: 1 },
      ],
    });
    expect(await profileOf("JSON", ["'[1]'", "'[1]'"])).toMatchObject({
      min: null,
      max: null,
      top_values: [{ value: "[1]", count: 2 }],
    });
    expect(await profileOf("BLOB", ["'a'"])).toMatchObject({ min: null, top_values: [{ value: "YQ==", count: 1 }] });
  });

  test("shows no more than the start of a long text", async () => {
    const column = await profileOf("VARCHAR", ["repeat('🙂', 1000)"]);
    expect(column.max).toBe("🙂".repeat(256));
    expect(column.top_values).toEqual([{ value: "🙂".repeat(256), count: 1 }]);
  });

  test("of very many values finds the frequent ones in a sample, and counts them all", async () => {
    const rows = 1_500_000;
    const { profile } = await write(
      `SELECT CASE WHEN i % 10 = 0 THEN -1 ELSE i END AS mixed, i AS id FROM range(${rows}) AS rows(i)`,
    );
    const [mixed, id] = profile.columns;
    expect(mixed).toMatchObject({ distinct_is_exact: false, top_values: [{ value: -1, count: rows / 10 }] });
    expect(id?.top_values).toEqual([]);
    expect((id?.distinct_count ?? 0) / rows).toBeCloseTo(1, 0);
  });

  test("of names that are SQL", async () => {
    const { profile, sample } = await write(
      'SELECT 1 AS "select", 2 AS "a""b", 3 AS "likely", 4 AS "times", 5 AS "bin"',
    );
    expect(profile.columns.map(({ name, min }) => [name, min])).toEqual([
      ["select", 1],
      ['a"b', 2],
      ["likely", 3],
      ["times", 4],
      ["bin", 5],
    ]);
    expect(sample.random).toEqual([[1, 2, 3, 4, 5]]);
  });
});

test("a table of 2,000 columns has both", async () => {
  const columns = Array.from({ length: 2000 }, (_, at) => `i + ${at} AS c${at}`);
  const { profile, sample } = await write(`SELECT ${columns.join(", ")} FROM range(1200) AS rows(i)`);
  expect(profile.columns).toHaveLength(2000);
  expect(profile.columns[1999]).toMatchObject({ min: 1999, max: 3198, distinct_count: 1200 });
  expect(sample).toMatchObject({ is_first_cut: true, is_random_cut: true });
  expect(sample.random.length).toBeGreaterThan(100);
}, 180_000);

test("a table larger than the memory that DuckDB may have has both", async () => {
  duckdb = await scratch.open("large.duckdb", { memoryMb: 100 });
  const texts = ["a", "b", "c"].map((name) => `md5('${name}' || i) AS ${name}`);
  const { profile, sample } = await write(`SELECT i AS id, ${texts.join(", ")} FROM range(1500000) AS rows(i)`);
  expect(profile.columns.map(({ top_values }) => top_values)).toEqual([[], [], [], []]);
  expect(sample.random).toHaveLength(10_000);
});

test("nothing is computed for who has gone", async () => {
  const reason = new Error("enough");
  await expect(write("SELECT 1 AS id", 1, AbortSignal.abort(reason))).rejects.toBe(reason);
});
