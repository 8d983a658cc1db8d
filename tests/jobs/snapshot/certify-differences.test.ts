import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type CertificateScene,
  CLOCK,
  CLOCK_TEXT,
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

const C = "C";
const NINES = "9".repeat(38);

/** What Snowflake has in the middle of three values, and what the snapshot has there. */
const DIFFERENCES: {
  name: string;
  column: Sides["column"];
  types: Sides["types"];
  values: [low: string, theirs: string, ours: string, high: string];
  found: string;
}[] = [
  {
    ...{ name: "a null", column: { name: C, kind: "text" }, types: ["VARCHAR", "VARCHAR"] },
    ...{ values: ["'a'", "'b'", "NULL", "'c'"], found: "0 nulls|1 nulls" },
  },
  {
    ...{ name: "a number's last digit", column: { name: C, kind: "number", scale: 2 } },
    ...{
      types: ["NUMBER(10,2)", "DECIMAL(10,2)"],
      values: ["0", "12.34", "12.35", "99"],
      found: "111.34 as its sum|111.35 as its sum",
    },
  },
  {
    ...{ name: "the last digit of 38, through a double", column: { name: C, kind: "number", scale: 0 } },
    ...{
      types: ["NUMBER(38,0)", "DECIMAL(38,0)"],
      values: [`-${NINES}`, `${NINES.slice(1)}8`, `${NINES.slice(1)}7`, NINES],
    },
    found: "as its checksum",
  },
  {
    ...{ name: "a double's last bit", column: { name: C, kind: "float" }, types: ["FLOAT", "DOUBLE"] },
    ...{ values: ["'-7.25'", "'0.1'", "'0.10000000000000002'", "'3.5e10'"], found: "as its checksum" },
  },
  {
    ...{ name: "NaN in place of inf", column: { name: C, kind: "float" }, types: ["FLOAT", "DOUBLE"] },
    ...{ values: ["'0'", "'inf'", "'NaN'", "'1'"], found: "0 1 0 NaN, inf and -inf|1 0 0 NaN, inf and -inf" },
  },
  {
    ...{ name: "text of the same length", column: { name: C, kind: "text" }, types: ["VARCHAR", "VARCHAR"] },
    ...{ values: ["'a'", "'e\u0301'", "'é '", "'ö'"], found: "as its checksum" },
  },
  {
    ...{ name: "a blank at the end", column: { name: C, kind: "text" }, types: ["VARCHAR", "VARCHAR"] },
    ...{ values: ["'a'", "'b '", "'b'", "'c'"], found: "4 as its sum|3 as its sum" },
  },
  {
    ...{ name: "an empty text in place of none", column: { name: C, kind: "text" }, types: ["VARCHAR", "VARCHAR"] },
    ...{ values: ["''", "''", "NULL", "'c'"], found: "0 nulls|1 nulls" },
  },
  {
    ...{ name: "truth", column: { name: C, kind: "boolean" }, types: ["BOOLEAN", "BOOLEAN"] },
    ...{ values: ["FALSE", "TRUE", "FALSE", "TRUE"], found: "2 as its sum|1 as its sum" },
  },
  {
    ...{ name: "a day", column: { name: C, kind: "date" }, types: ["DATE", "DATE"] },
    ...{ values: ["'1900-01-01'", "'1969-12-31'", "'1970-01-01'", "'2000-01-01'"], found: "as its sum" },
  },
  {
    ...{
      name: "a nanosecond before 1970",
      column: { name: C, kind: "timestamp_ntz" },
      types: ["TIMESTAMP_NTZ(9)", "TIMESTAMP_NS"],
    },
    ...{
      values: ["'1900-01-01'", "'1969-12-31 23:59:59.123456789'", "'1969-12-31 23:59:59.123456788'", "'2000-01-01'"],
    },
    found: "as its sum",
  },
  {
    ...{ name: "blanks in JSON", column: { name: C, kind: "json" }, types: ["VARIANT", "JSON"] },
    ...{ values: ["'1'", "PARSE_JSON('[1,2]')", "'[1, 2]'", "'3'"], found: "as its sum" },
  },
  {
    ...{ name: "a byte", column: { name: C, kind: "binary" }, types: ["BINARY", "BLOB"] },
    ...{
      values: ["TO_BINARY('00')", "TO_BINARY('0A0B')", "unhex('0A0C')", "TO_BINARY('FF')"],
      found: "as its checksum",
    },
  },
];

const asDuckdb = (value: string) => value.replace("TO_BINARY", "unhex");

describe("a difference is found", () => {
  test.each(DIFFERENCES)("$name", async ({ column, types, values: [low, theirs, ours, high], found }) => {
    const ends = [low, high].map((value): [string, string] => [
      value.startsWith("'") && column.kind === "json" ? `PARSE_JSON(${value})` : value,
      asDuckdb(value),
    ]);
    await scene.fill([{ column, types, values: [ends[0] ?? "", [theirs, ours], ends[1] ?? ""] }]);
    const failure = await scene.refusal([column]);
    expect(failure).toMatchObject({ code: "certificate_mismatch", retryable: false });
    expect(failure.message).toMatch(
      /^Column C has .* in Snowflake, but .* in the snapshot, which was not published\.$/,
    );
    for (const part of found.split("|")) expect(failure.message).toContain(part);
  });

  test.each<Sides & { name: string }>([
    {
      ...{ name: "integers", column: { name: C, kind: "number", scale: 0 }, types: ["NUMBER(38,0)", "BIGINT"] },
      values: ["-5", ["1", "2"], ["4", "3"], "9"],
    },
    {
      ...{ name: "decimals", column: { name: C, kind: "number", scale: 6 }, types: ["NUMBER(20,6)", "DECIMAL(20,6)"] },
      values: ["-1e9", ["1.000001", "1.000002"], ["1.000004", "1.000003"], "1e9"],
    },
    {
      ...{ name: "large integers", column: { name: C, kind: "number", scale: 0 } },
      types: ["NUMBER(38,0)", "DECIMAL(38,0)"],
      values: ["0", ["9000000000000000001", "9000000000000000002"], ["4", "3"], "9000000000000000009"],
    },
    {
      ...{ name: "days", column: { name: C, kind: "date" }, types: ["DATE", "DATE"] },
      values: ["'0001-01-01'", ["'1969-12-30'", "'1969-12-31'"], ["'1970-01-02'", "'1970-01-01'"], "'9999-12-31'"],
    },
    {
      ...{ name: "moments", column: { name: C, kind: "timestamp_ntz" }, types: ["TIMESTAMP_NTZ(9)", "TIMESTAMP_NS"] },
      values: [
        ...["'1900-01-01'", "'2100-01-01'"],
        ["'2000-01-01 00:00:00.000000001'", "'2000-01-01 00:00:00.000000002'"],
        ["'2000-01-01 00:00:00.000000004'", "'2000-01-01 00:00:00.000000003'"],
      ],
    },
  ])("by squares where the sum is the same, without a checksum: $name", async (sides) => {
    await scene.fill([sides]);
    expect((await scene.refusal([sides.column], { mode: "never" })).message).toContain("as its sum of squares");
  });

  test("values far beyond the snapshot's, whose squares no engine can hold", async () => {
    const column: Sides["column"] = { name: C, kind: "number", scale: 0 };
    await scene.fill([{ column, types: ["NUMBER(38,0)", "BIGINT"], values: ["1", ["9e36", "2"], "3"] }]);
    expect((await scene.refusal([column])).message).toContain("as its largest value");
  });

  test("a row too few", async () => {
    await scene.fill([{ column: { name: C, kind: "text" }, types: ["VARCHAR", "VARCHAR"], values: ["'a'", "'b'"] }]);
    await scene.connection.run("DELETE FROM data WHERE C = 'a'");
    expect((await scene.refusal([{ name: C, kind: "text" }])).message).toBe(
      "The table has 2 rows in Snowflake, but 1 rows in the snapshot, which was not published.",
    );
  });

  test.each([
    [
      "the exact text says other nanoseconds",
      { ...ZONED_TEXT, values: [ZONED_TEXT.values[0] ?? "", "'0000-12-31 18:15:00.000000002'"] },
      ZONED_OFFSET,
    ],
    [
      "the exact text says another second than the timestamp",
      { ...ZONED_TEXT, values: [ZONED_TEXT.values[0] ?? "", "'0000-12-31 18:15:01.000000001'"] },
      ZONED_OFFSET,
    ],
    ["the offset is another", ZONED_TEXT, { ...ZONED_OFFSET, values: ["-480", "330"] }],
  ])("%s", async (_name, text, offset) => {
    const cut = (sides: Sides) => ({ ...sides, values: sides.values.slice(0, 2) });
    await scene.fill([cut(ZONED), cut(text), cut(offset)]);
    expect((await scene.refusal([ZONED.column])).code).toBe("certificate_mismatch");
  });

  test.each(["'00:00:00.000000002'", "'00:00:01.000000001'"])("a time's exact text says %s", async (text) => {
    const [, last = ""] = CLOCK_TEXT.values;
    await scene.fill([CLOCK, { ...CLOCK_TEXT, values: [text, last, "NULL"] }]);
    expect((await scene.refusal([CLOCK.column])).message).toMatch(/^Column C /);
  });

  test("a table that may have changed meanwhile is worth another attempt", async () => {
    await scene.fill([
      { column: { name: C, kind: "boolean" }, types: ["BOOLEAN", "BOOLEAN"], values: [["TRUE", "FALSE"]] },
    ]);
    const failure = await scene.refusal([{ name: C, kind: "boolean" }], { fixedMoment: false });
    expect(failure.retryable).toBe(true);
    expect(failure.message).toMatch(/It has no fixed moment, and may have changed while it was read\.$/);
  });
});
