import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CertifiedColumn } from "../../../jobs/snapshot/certified-column.ts";
import { type CertifiedFigures, type CertifyOptions, CHECKSUM_CELLS } from "../../../jobs/snapshot/certify.ts";
import {
  type CertificateScene,
  CLOCK,
  CLOCK_TEXT,
  MOMENT,
  type Sides,
  startCertificateScene,
  ZONED,
  ZONED_OFFSET,
  ZONED_TEXT,
} from "./certificate-scene.ts";

let scene: CertificateScene;
beforeAll(async () => {
  scene = await startCertificateScene();
});
afterAll(() => scene.close());

const NINES = "9".repeat(38);
const C = "C";

const SIDES: (Sides & { name: string; figures: object })[] = [
  {
    name: "numbers of 38 digits, whose sum no engine can hold",
    column: { name: C, kind: "number", scale: 0 },
    types: ["NUMBER(38,0)", "DECIMAL(38,0)"],
    values: [NINES, NINES, `-${NINES}`, "0", "NULL"],
    figures: { nulls: "1", min: `-${NINES}`, max: NINES },
  },
  {
    name: "integers that DuckDB holds as BIGINT",
    column: { name: C, kind: "number", scale: 0 },
    types: ["NUMBER(38,0)", "BIGINT"],
    values: ["9223372036854775807", "-9223372036854775808", "1", "NULL"],
    figures: { nulls: "1", min: "-9223372036854775808", max: "9223372036854775807", sum: "0" },
  },
  {
    name: "numbers that are all fraction",
    column: { name: C, kind: "number", scale: 37 },
    types: ["NUMBER(38,37)", "DECIMAL(38,37)"],
    values: [`0.${"0".repeat(36)}1`, `-9.${"9".repeat(37)}`, "NULL"],
    figures: { min: `-9.${"9".repeat(37)}`, max: `0.${"0".repeat(36)}1` },
  },
  {
    name: "numbers below one, which DuckDB prints without a zero at its narrowest",
    column: { name: C, kind: "number", scale: 2 },
    types: ["NUMBER(2,2)", "DECIMAL(2,2)"],
    values: ["0.50", "-0.07", "0"],
    figures: { min: "-0.07", max: "0.50", sum: "0.43" },
  },
  {
    name: "doubles of all sizes, with what is no number",
    column: { name: C, kind: "float" },
    types: ["FLOAT", "DOUBLE"],
    values: [
      "'1.7976931348623157e308'",
      "'-1.7976931348623157e308'",
      "'5e-324'",
      "'2.2250738585072014e-308'",
      "'0.1'",
      "'-0.0'",
      "'123456789.123456789'",
      "'NaN'",
      "'inf'",
      "'-inf'",
      "'-inf'",
      "NULL",
    ],
    figures: { nulls: "1", not_finite: "1 1 2", sum: "0" },
  },
  {
    name: "texts of any script, empty ones and ones of blanks",
    column: { name: C, kind: "text" },
    types: ["VARCHAR", "VARCHAR"],
    values: ["''", "' '", "'häß'", "'🤦🏼‍♂️'", "'日本語'", "'O''Brien'", ["'back\\\\slash'", "'back\\slash'"], "NULL"],
    figures: { nulls: "1", min: "", max: "🤦🏼‍♂️", sum: "49" },
  },
  {
    name: "truth",
    column: { name: C, kind: "boolean" },
    types: ["BOOLEAN", "BOOLEAN"],
    values: ["TRUE", "TRUE", "FALSE", "NULL"],
    figures: { nulls: "1", sum: "2" },
  },
  {
    name: "dates before 1970 and at the end of the calendar",
    column: { name: C, kind: "date" },
    types: ["DATE", "DATE"],
    values: ["'0001-01-01'", "'1969-12-31'", "'9999-12-31'", "NULL"],
    figures: { nulls: "1", min: "0001-01-01", max: "9999-12-31", sum: "2213733" },
  },
  {
    name: "times to the microsecond",
    column: { name: C, kind: "time" },
    types: ["TIME(9)", "TIME"],
    values: ["'00:00:00'", "'23:59:59.999999'", "NULL"],
    figures: { min: "00:00:00.000000000", max: "23:59:59.999999000", sum: "86399999999000" },
  },
  {
    name: "times as nanoseconds in an integer",
    column: { name: C, kind: "time" },
    types: ["TIME(9)", "BIGINT"],
    values: [["'23:59:59.999999999'", "86399999999999"]],
    figures: { max: "23:59:59.999999999" },
  },
  {
    name: "timestamps to the nanosecond",
    column: { name: C, kind: "timestamp_ntz" },
    types: ["TIMESTAMP_NTZ(9)", "TIMESTAMP_NS"],
    values: [
      "'1969-12-31 23:59:59.999999999'",
      "'1969-12-31 23:59:59.000000001'",
      "'2262-04-11 23:47:16.854775806'",
      "NULL",
    ],
    figures: { nulls: "1", min: "1969-12-31T23:59:59.000000001", max: "2262-04-11T23:47:16.854775806" },
  },
  {
    name: "timestamps from year 1 to year 9999",
    column: { name: C, kind: "timestamp_ntz" },
    types: ["TIMESTAMP_NTZ(9)", "TIMESTAMP"],
    values: ["'0001-01-01 00:00:00.000001'", "'9999-12-31 23:59:59.999999'"],
    figures: { min: "0001-01-01T00:00:00.000001000", max: "9999-12-31T23:59:59.999999000" },
  },
  {
    name: "timestamps in any zone, as UTC",
    column: { name: C, kind: "timestamp_ltz" },
    types: ["TIMESTAMP_LTZ(9)", "TIMESTAMP"],
    values: [["'2020-07-01 00:00:00 +02:00'", "'2020-06-30 22:00:00'"]],
    figures: { min: "2020-06-30T22:00:00.000000000" },
  },
  {
    name: "JSON as TO_JSON writes it, its own null being no NULL",
    column: { name: C, kind: "json" },
    types: ["VARIANT", "JSON"],
    values: [
      ['PARSE_JSON(\'{"a":[1,null,"ü"]}\')', '\'{"a":[1,null,"ü"]}\''],
      ["PARSE_JSON('null')", "'null'"],
      "NULL",
    ],
    figures: { nulls: "1", sum: "23" },
  },
  {
    name: "binaries",
    column: { name: C, kind: "binary" },
    types: ["BINARY", "BLOB"],
    values: [["TO_BINARY('00FFCAFE')", "unhex('00FFCAFE')"], ["TO_BINARY('')", "unhex('')"], "NULL"],
    figures: { nulls: "1", min: "", max: "00FFCAFE", sum: "8" },
  },
];

const both = (value: string | null) => ({ source: value, snapshot: value });

describe("both sides agree on", () => {
  test.each(SIDES)("$name", async (sides) => {
    await scene.fill([sides]);
    const certificate = await scene.compare([sides.column]);
    const rows = String(sides.values.length);
    const expected = Object.entries(sides.figures).map(([of, value]) => [of, { source: value, snapshot: value }]);
    expect(certificate).toMatchObject({
      ...{ fixed_moment: true, moment: MOMENT, agrees: true, has_checksums: true },
      row_count: { source: rows, snapshot: rows },
      columns: [{ name: C, ...Object.fromEntries(expected) }],
    });
  });

  test("timestamps with a zone, their offset and their nanoseconds in columns beside them", async () => {
    await scene.fill([ZONED, ZONED_TEXT, ZONED_OFFSET]);
    const certificate = await scene.compare([ZONED.column]);
    expect(certificate.columns).toMatchObject([
      { name: "C", min: both("0000-12-31T18:15:00.000000001"), max: both("+010000-01-01T07:59:59.123456789") },
      { name: "C_OFFSET", nulls: both("1"), min: both("-480"), max: both("345"), sum: both("-135") },
    ]);
  });

  test("times and their nanoseconds in a column beside them", async () => {
    await scene.fill([CLOCK, CLOCK_TEXT]);
    expect((await scene.compare([CLOCK.column])).columns).toMatchObject([
      { name: "C", nulls: both("1"), min: both("00:00:00.000000001"), max: both("23:59:59.999999999") },
    ]);
  });

  test("a table without rows, and one without columns that are compared", async () => {
    await scene.fill(SIDES.map((sides, at) => ({ ...sides, column: { ...sides.column, name: `C${at}` }, values: [] })));
    const columns = SIDES.map(({ column }, at) => ({ ...column, name: `C${at}` }));
    const certificate = await scene.compare(columns);
    expect(certificate.row_count).toEqual(both("0"));
    expect(certificate.columns.map(({ nulls, sum }) => [nulls, sum ?? both(null)])).toEqual(
      columns.map(() => [both("0"), both(null)]),
    );
    expect((await scene.compare([])).row_count).toEqual(both("0"));
  });

  test("a column by any name, and one that Snowflake has to make first", async () => {
    const odd = 'sel"ect ü';
    await scene.client.rows('CREATE OR REPLACE TABLE SIDES ("sel""ect ü" INT, "lower" VARCHAR)');
    await scene.client.rows("INSERT INTO SIDES SELECT 1, 'a'");
    await scene.connection.run('CREATE OR REPLACE TABLE data AS SELECT 1 AS "sel""ect ü", \'A\' AS "UPPER"');
    const certificate = await scene.compare([
      { name: odd, kind: "number", scale: 0 },
      { name: "UPPER", sourceSql: 'UPPER("lower")', kind: "text" },
    ]);
    expect(certificate.columns.map(({ name, sum }) => [name, sum])).toEqual([
      [odd, both("1")],
      ["UPPER", both("1")],
    ]);
  });
});

test("columns called as the statements call what they compute", async () => {
  const columns = ["V1", "V0"].map((name) => ({ name, kind: "number" as const, scale: 0 }));
  await scene.client.rows('CREATE OR REPLACE TABLE SIDES AS SELECT 1 AS "V1", 2 AS "V0"');
  await scene.connection.run('CREATE OR REPLACE TABLE data AS SELECT 1 AS "V1", 2 AS "V0"');
  const certificate = await scene.compare(columns);
  expect(certificate.columns.map(({ name, sum }) => [name, sum])).toEqual([
    ["V1", both("1")],
    ["V0", both("2")],
  ]);
});

test("squares are added up of the distances from the middle of the range", async () => {
  await scene.fill([
    {
      column: { name: C, kind: "number", scale: 2 },
      types: ["NUMBER(9,2)", "DECIMAL(9,2)"],
      values: ["-1.5", "0.25", "NULL", "2"],
    },
  ]);
  const [column] = (await scene.compare([{ name: C, kind: "number", scale: 2 }])).columns;
  expect(column?.squares).toEqual(both("6.1250"));
});

test("a checksum is the sum of the first 32 bits of each value's MD5", async () => {
  const texts = ["", "a", "日本語"];
  const bits = texts.map((text) => createHash("md5").update(text).digest().readUInt32BE(0));
  await scene.fill([
    { column: { name: C, kind: "text" }, types: ["VARCHAR", "VARCHAR"], values: texts.map((text) => `'${text}'`) },
  ]);
  const [column] = (await scene.compare([{ name: C, kind: "text" }])).columns;
  expect(column?.checksum).toEqual(both(String(bits.reduce((sum, one) => sum + one))));
});

test("the certificate's statements can be run again", async () => {
  await scene.fill(SIDES.slice(0, 1));
  const { sql, columns } = await scene.compare([{ name: C, kind: "number", scale: 0 }]);
  const [statement = ""] = sql.snapshot;
  const [row = []] = (await scene.connection.runAndReadAll(statement)).getRows();
  expect(row.slice(2)).toEqual([columns[0]?.min?.snapshot, columns[0]?.max?.snapshot, columns[0]?.checksum?.snapshot]);
  expect(sql.source).toHaveLength(1);
});

describe("checksums", () => {
  const swapped: Sides = {
    ...{ column: { name: C, kind: "text" }, types: ["VARCHAR", "VARCHAR"] },
    values: ["'a'", ["'x'", "'y'"], "'z'"],
  };

  test("are left out when nobody wants them: what they alone tell is not found", async () => {
    await scene.fill([swapped]);
    const certificate = await scene.compare([swapped.column], { mode: "never" });
    expect(certificate.has_checksums).toBe(false);
    expect(certificate.columns[0]).not.toHaveProperty("checksum");
    expect(certificate.sql.source.join()).not.toContain("MD5");
  });

  test("are compared by default where no squares are", async () => {
    const text: CertifiedColumn = { name: "T", kind: "text" };
    const columns: CertifiedColumn[] = [{ name: C, kind: "number", scale: 0 }, { name: "D", kind: "date" }, text];
    await scene.client.rows("CREATE OR REPLACE TABLE SIDES AS SELECT 1 AS C, '2026-01-31'::DATE AS D, 'a' AS T");
    await scene.connection.run("CREATE OR REPLACE TABLE data AS SELECT 1 AS C, DATE '2026-01-31' AS D, 'a' AS T");
    const proven = ({ squares, checksum }: CertifiedFigures) => [squares !== undefined, checksum !== undefined];
    const shown = async (mode: CertifyOptions["mode"]) => (await scene.compare(columns, { mode })).columns.map(proven);
    const [squares, checksum, all] = [
      [true, false],
      [false, true],
      [true, true],
    ];
    expect(await shown("auto")).toEqual([squares, squares, checksum]);
    expect(await shown("always")).toEqual([all, all, checksum]);
    expect(await shown("never")).toEqual([squares, squares, [false, false]]);
  });

  test("are compared by default up to so many cells", async () => {
    await scene.fill([swapped]);
    expect((await scene.refusal([swapped.column], { mode: "auto" })).message).toContain("as its checksum");
    const rows = CHECKSUM_CELLS / 2 + 1;
    const many = { source: `(SELECT C FROM SIDES)`, snapshot: `(SELECT 'x' AS C, 'y' AS D FROM range(${rows}))` };
    const ask = async (sql: string) => {
      expect(sql).not.toContain("MD5");
      return [["0"]];
    };
    const columns = [swapped.column, { ...swapped.column, name: "D" }];
    expect((await scene.refusal(columns, { ...many, mode: "auto", ask })).message).toContain(`${rows} rows`);
  });
});

test("a table of 2,000 columns is asked for in statements of a hundred columns at most", async () => {
  const names = Array.from({ length: 2000 }, (_, at) => `C${at}`);
  const columns = names.map((name) => ({ name, kind: "number" as const, scale: 0 }));
  await scene.client.rows(`CREATE OR REPLACE TABLE SIDES (${names.map((name) => `${name} INT`).join(", ")})`);
  await scene.client.rows(`INSERT INTO SIDES SELECT ${names.map((_, at) => at).join(", ")}`);
  await scene.connection.run(
    `CREATE OR REPLACE TABLE data AS SELECT ${names.map((name, at) => `${at} AS ${name}`).join(", ")}`,
  );
  const seen: number[] = [];
  const certificate = await scene.compare(columns, { onProgress: (done) => void seen.push(done) });
  expect(certificate.columns).toHaveLength(2000);
  expect(certificate.columns[1999]?.sum).toEqual(both("1999"));
  expect(certificate.sql.source).toHaveLength(20);
  expect(seen.at(-1)).toBe(2000);
  for (const sql of certificate.sql.source) expect(sql.length).toBeLessThan(200_000);
});

test("a certificate that is no longer wanted ends", async () => {
  await scene.fill(SIDES.slice(0, 1));
  const reason = new Error("enough");
  await expect(
    scene.compare([{ name: C, kind: "number", scale: 0 }], { signal: AbortSignal.abort(reason) }),
  ).rejects.toBe(reason);
});
