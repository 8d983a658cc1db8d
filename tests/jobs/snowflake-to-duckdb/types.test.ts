import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PATHS, type SnapshotRow, type SyncLane, startSyncLane } from "./start-sync-lane.ts";

let lane: SyncLane;
beforeAll(async () => {
  lane = await startSyncLane();
});
afterAll(() => lane.close());

const NINES = "9".repeat(38);

/** Snowflake's type, its values, and what the snapshot makes of them: columns with their types, and cells as text. */
const TYPES: [type: string, values: string[], columns: Record<string, [type: string, ...cells: string[]]>][] = [
  ["NUMBER(4,0)", ["-9999", "9999"], { "": ["SMALLINT", "-9999", "9999"] }],
  ["NUMBER(9,0)", ["-999999999", "0"], { "": ["INTEGER", "-999999999", "0"] }],
  ["NUMBER(18,0)", ["999999999999999999", "1"], { "": ["BIGINT", "999999999999999999", "1"] }],
  [
    "INT",
    ["9223372036854775807", "-9223372036854775808"],
    { "": ["BIGINT", "9223372036854775807", "-9223372036854775808"] },
  ],
  ["INT", ["9223372036854775808", "1"], { "": ["DECIMAL(38,0)", "9223372036854775808", "1"] }],
  ["NUMBER(38,0)", [NINES, `-${NINES}`], { "": ["DECIMAL(38,0)", NINES, `-${NINES}`] }],
  ["NUMBER(10,2)", ["99999999.99", "-0.01"], { "": ["DECIMAL(10,2)", "99999999.99", "-0.01"] }],
  [
    "NUMBER(38,37)",
    ["'9.9999999999999999999999999999999999999'", "'-0.0000000000000000000000000000000000001'"],
    { "": ["DECIMAL(38,37)", "9.9999999999999999999999999999999999999", "-0.0000000000000000000000000000000000001"] },
  ],
  ["FLOAT", ["1.7976931348623157e308", "0.1"], { "": ["DOUBLE", "1.7976931348623157e+308", "0.1"] }],
  ["FLOAT", ["'NaN'", "'-inf'"], { "": ["DOUBLE", "nan", "-inf"] }],
  ["FLOAT", ["5e-324", "-0.30000000000000004"], { "": ["DOUBLE", "5e-324", "-0.30000000000000004"] }],
  ["VARCHAR", ["'\\n\"\\'\\\\ häß 😀,'", "''"], { "": ["VARCHAR", "\n\"'\\ häß 😀,", ""] }],
  ["VARCHAR", ["'NULL'", "'null'"], { "": ["VARCHAR", "NULL", "null"] }],
  ["BOOLEAN", ["true", "false"], { "": ["BOOLEAN", "true", "false"] }],
  ["DATE", ["'1066-10-14'", "'9999-12-31'"], { "": ["DATE", "1066-10-14", "9999-12-31"] }],
  ["DATE", ["'0001-01-01'", "'1969-12-31'"], { "": ["DATE", "0001-01-01", "1969-12-31"] }],
  ["TIME(6)", ["'00:00:00.000001'", "'23:59:59.999999'"], { "": ["TIME", "00:00:00.000001", "23:59:59.999999"] }],
  ["TIME(9)", ["'01:02:03.123456'", "'00:00:00'"], { "": ["TIME", "01:02:03.123456", "00:00:00"] }],
  [
    "TIME(9)",
    ["'23:59:59.999999999'", "'00:00:00'"],
    { "": ["TIME", "23:59:59.999999", "00:00:00"], _EXACT: ["VARCHAR", "23:59:59.999999999", "00:00:00.000000000"] },
  ],
  [
    "TIMESTAMP_NTZ(9)",
    ["'2020-02-29 12:34:56.123456789'", "'1969-12-31 23:59:59.999999999'"],
    { "": ["TIMESTAMP_NS", "2020-02-29 12:34:56.123456789", "1969-12-31 23:59:59.999999999"] },
  ],
  [
    "TIMESTAMP_NTZ(9)",
    ["'9999-12-31 23:59:59.999999999'", "'0001-01-01 00:00:00.000000001'"],
    {
      "": ["TIMESTAMP", "9999-12-31 23:59:59.999999", "0001-01-01 00:00:00"],
      _EXACT: ["VARCHAR", "9999-12-31 23:59:59.999999999", "0001-01-01 00:00:00.000000001"],
    },
  ],
  [
    "TIMESTAMP_NTZ(9)",
    ["'9999-12-31'", "'1600-01-01 00:00:00.000001'"],
    { "": ["TIMESTAMP", "9999-12-31 00:00:00", "1600-01-01 00:00:00.000001"] },
  ],
  [
    "TIMESTAMP_NTZ(9)",
    ["'2262-04-11 23:47:16.854775806'", "'1677-09-22 00:00:00'"],
    { "": ["TIMESTAMP_NS", "2262-04-11 23:47:16.854775806", "1677-09-22 00:00:00"] },
  ],
  [
    "TIMESTAMP_NTZ(9)",
    ["'2262-04-11 23:47:16.854775807'", "'2020-01-01'"],
    {
      "": ["TIMESTAMP", "2262-04-11 23:47:16.854775", "2020-01-01 00:00:00"],
      _EXACT: ["VARCHAR", "2262-04-11 23:47:16.854775807", "2020-01-01 00:00:00.000000000"],
    },
  ],
  [
    "TIMESTAMP_NTZ(3)",
    ["'9999-12-31 23:59:59.999'", "'1969-12-31 23:59:59.999'"],
    { "": ["TIMESTAMP", "9999-12-31 23:59:59.999", "1969-12-31 23:59:59.999"] },
  ],
  [
    "TIMESTAMP_LTZ(9)",
    ["'2020-07-01 00:00:00.000000001 +0200'", "'1969-12-31 23:59:59.999999999 +0000'"],
    { "": ["TIMESTAMP_NS", "2020-06-30 22:00:00.000000001", "1969-12-31 23:59:59.999999999"] },
  ],
  [
    "TIMESTAMP_TZ(9)",
    ["'2020-01-01 00:00:00.123456789 -0530'", "'1969-12-31 23:59:59 +1400'"],
    {
      "": ["TIMESTAMP_NS", "2020-01-01 05:30:00.123456789", "1969-12-31 09:59:59"],
      _OFFSET: ["SMALLINT", "-330", "840"],
    },
  ],
  [
    "TIMESTAMP_TZ(9)",
    ["'9999-12-31 23:59:59.999999999 -0800'", "'2020-01-01 00:00:00 +0000'"],
    {
      "": ["TIMESTAMP", "10000-01-01 07:59:59.999999", "2020-01-01 00:00:00"],
      _EXACT: ["VARCHAR", "10000-01-01 07:59:59.999999999", "2020-01-01 00:00:00.000000000"],
      _OFFSET: ["SMALLINT", "-480", "0"],
    },
  ],
  [
    "VARIANT",
    ['PARSE_JSON(\'{"a":[1,null,"x"],"b":1.5}\')', "'text'::VARIANT"],
    { "": ["JSON", '{"a":[1,null,"x"],"b":1.5}', '"text"'] },
  ],
  [
    "VARIANT",
    ["PARSE_JSON('null')", "12345678901234567890123456789012345678::VARIANT"],
    { "": ["JSON", "null", "12345678901234567890123456789012345678"] },
  ],
  ["OBJECT", ["OBJECT_CONSTRUCT('k', 1)", "OBJECT_CONSTRUCT()"], { "": ["JSON", '{"k":1}', "{}"] }],
  ["ARRAY", ["ARRAY_CONSTRUCT(1, 'two')", "ARRAY_CONSTRUCT()"], { "": ["JSON", '[1,"two"]', "[]"] }],
  ["BINARY", ["TO_BINARY('00FFCAFE')", "TO_BINARY('')"], { "": ["BLOB", "\\x00\\xFF\\xCA\\xFE", ""] }],
];

const COLUMNS = TYPES.map(([type], at) => `C${at} ${type}`);
const row = (of: number) => `SELECT ${TYPES.map(([, values]) => values[of]).join(", ")}`;
const STORED = TYPES.flatMap(([, , columns], at) =>
  Object.entries(columns).map(([suffix, [type, ...cells]]) => ({ name: `C${at}${suffix}`, type, cells })),
);

async function readCells(snapshot: SnapshotRow): Promise<unknown[][]> {
  const cells = STORED.map(({ name }) => `"${name}"::VARCHAR`);
  return lane.query(snapshot, `SELECT ${cells.join(", ")} FROM data ORDER BY C0 NULLS LAST`);
}

describe.each(PATHS)("by path %s", (path) => {
  it("a table of every type arrives without loss, null and all", async () => {
    const table = `EVERY_${path.toUpperCase()}`;
    await lane.make(
      `CREATE TABLE ${table} (${COLUMNS.join(", ")})`,
      `INSERT INTO ${table} ${row(0)}`,
      `INSERT INTO ${table} ${row(1)}`,
      `INSERT INTO ${table} (C0) VALUES (NULL)`,
    );
    const { snapshot, sync } = await lane.sync(table, { path, checksum: "always" });
    expect(sync.stats).toMatchObject({ path, mode: "full", rows_read: 3, note: null });
    const described = await lane.query(snapshot, "SELECT column_name, column_type FROM (DESCRIBE data)");
    expect(described).toEqual(STORED.map(({ name, type }) => [name, type]));
    expect(snapshot.columns.map(({ name, type }) => [name, type])).toEqual(described);
    // The exact text is compared as part of the column that it stands beside.
    expect(await lane.readFile(snapshot, "certificate.json")).toMatchObject({
      columns: STORED.filter(({ name }) => !name.endsWith("_EXACT")).map(({ name }) => ({ name })),
    });
    expect(await readCells(snapshot)).toEqual([
      ...[0, 1].map((of) => STORED.map(({ cells }) => cells[of])),
      STORED.map(() => null),
    ]);
  });
});

it.each(["AIRPORTS", "BIRDSTRIKES", "MOVIES", "WEATHER"])(
  "%s is the same, row by row, by both paths",
  async (table) => {
    const unloaded = await lane.sync(table, { path: "unload", checksum: "always" });
    const streamed = await lane.sync(table, { path: "rows", checksum: "always", batch_size: 1000 });
    expect(streamed.snapshot.columns).toEqual(unloaded.snapshot.columns);
    expect(streamed.snapshot.row_count).toBe(unloaded.snapshot.row_count);
    expect(streamed.snapshot.version).not.toBe(unloaded.snapshot.version);
    const all = "SELECT * FROM data ORDER BY ALL";
    expect(await lane.query(streamed.snapshot, all)).toEqual(await lane.query(unloaded.snapshot, all));
  },
);
