import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { QueryFailure } from "../../../jobs/query/query-failure.ts";
import type { QuerySnapshot } from "../../../shared/db/query-task.ts";
import { LIMITS, type QueryScene, startQueryScene } from "./start-query-scene.ts";

let scene: QueryScene;
let flights: QuerySnapshot;
let airports: QuerySnapshot;

beforeAll(async () => {
  scene = await startQueryScene();
  flights = await scene.addTable(
    "PUBLIC",
    "FLIGHTS",
    "SELECT range AS ID, 'F' || range AS NAME, DATE '2001-01-01' + CAST(range AS INT) AS DAY FROM range(5000)",
  );
  airports = await scene.addTable("geo", "Airports", "SELECT range AS id, 'A' || range AS code FROM range(10)");
});
afterAll(() => scene?.close());

const failure = (code: string, message: RegExp) =>
  expect.objectContaining({ name: QueryFailure.name, code, message: expect.stringMatching(message) });

test("a query's result is an object, its first rows a preview, and its receipt says what was computed from what", async () => {
  const sql = "SELECT f.id, code, day FROM flights f JOIN Geo.airports a ON f.id = a.id ORDER BY 1 LIMIT ?";
  const result = await scene.run({ id: "joined", sql, parameters: [2], snapshots: [flights, airports] });
  expect(result).toMatchObject({
    columns: [
      { name: "ID", type: "BIGINT" },
      { name: "code", type: "VARCHAR" },
      { name: "DAY", type: "DATE" },
    ],
    preview: [
      [0, "A0", "2001-01-01"],
      [1, "A1", "2001-01-02"],
    ],
    isCut: false,
    rowCount: 2,
    object: "results/joined-1.json",
  });
  const text = await scene.read(result.object);
  expect(JSON.parse(text)).toEqual([
    { ID: 0, code: "A0", DAY: "2001-01-01" },
    { ID: 1, code: "A1", DAY: "2001-01-02" },
  ]);
  expect(result.bytes).toBe(Buffer.byteLength(text));
  expect(result.receipt).toMatchObject({
    sql_hash: createHash("sha256").update(sql).digest("hex"),
    result_hash: createHash("sha256").update(text).digest("hex"),
    row_count: 2,
    snapshots: [
      { table: "PUBLIC.FLIGHTS", version: flights.version },
      { table: "geo.Airports", version: airports.version },
    ],
  });
});

test("a preview that does not hold all rows says so, beside how many there are", async () => {
  const { preview, isCut, rowCount, object } = await scene.run({
    sql: "FROM FLIGHTS",
    format: "csv",
    snapshots: [flights],
  });
  expect([preview.length, isCut, rowCount]).toEqual([100, true, 5000]);
  const lines = (await scene.read(object)).trimEnd().split("\n");
  expect(lines).toHaveLength(5001);
  expect(lines[0]).toBe("ID,NAME,DAY");
});

test("a preview of wide rows stays small", async () => {
  const sql = "SELECT repeat('x', 10000) AS t FROM range(20)";
  const { preview, isCut } = await scene.run({ sql });
  expect([preview.length, isCut]).toEqual([6, true]);
});

test("CSV tells NULL from an empty text and quotes what needs it", async () => {
  const sql = `SELECT NULL AS a, '' AS b, 'x,"y"' AS c, 'two' || chr(10) || 'lines' AS "d,e", 1.50 AS f, true AS g, [1, NULL] AS h, -0.0::DOUBLE AS i`;
  const { object } = await scene.run({ sql, format: "csv" });
  expect(await scene.read(object)).toBe('a,b,c,"d,e",f,g,h,i\n,"","x,""y""","two\nlines",1.5,true,"[1,null]",-0.0\n');
});

test("columns of the same name are told apart", async () => {
  const { object } = await scene.run({ sql: "SELECT 1 AS a, 2 AS a" });
  expect(JSON.parse(await scene.read(object))).toEqual([{ a: 1, "a:1": 2 }]);
});

test.each([
  ["an empty result", "SELECT 1 AS a WHERE false", []],
  [
    "numbers beyond a double",
    "SELECT 9007199254740993 AS a, 1.00000000000000000001 AS b",
    [{ a: "9007199254740993", b: "1.00000000000000000001" }],
  ],
  [
    "every value of structs and lists",
    "SELECT row(1, 2) AS a, {'2': 'a', '1': row(-0.0::DOUBLE, 'infinity'::DATE)} AS b, {'__proto__': 1}::VARIANT AS c",
    [{ a: "[1,2]", b: '{"2":"a","1":[-0.0,"infinity"]}', c: '{"__proto__":1}' }],
  ],
  [
    "the sign of zero",
    "SELECT -0.0::DOUBLE AS a, round(-0.2::DOUBLE) AS b, 0.0::DOUBLE AS c",
    [{ a: -0, b: -0, c: 0 }],
  ],
  [
    "dates that never come",
    "SELECT 'infinity'::DATE AS a, '-infinity'::DATE AS b",
    [{ a: "infinity", b: "-infinity" }],
  ],
  ["no numbers", "SELECT 'NaN'::DOUBLE AS a, '-inf'::DOUBLE AS b", [{ a: "NaN", b: "-Infinity" }]],
  ["instants", "SELECT TIMESTAMPTZ '2001-02-03 04:05:06+02' AS a", [{ a: "2001-02-03T02:05:06Z" }]],
])("JSON holds %s", async (_, sql, rows) => {
  const { object } = await scene.run({ sql });
  expect(JSON.parse(await scene.read(object))).toEqual(rows);
});

test("parameters are bound by position and by name", async () => {
  const rows = async (sql: string, parameters: unknown) =>
    (await scene.run({ sql, parameters: JSON.parse(JSON.stringify(parameters)), snapshots: [flights] })).preview;
  expect(await rows("SELECT $2, $1", ["'; DROP TABLE x; --", 2])).toEqual([[2, "'; DROP TABLE x; --"]]);
  expect(
    await rows("SELECT count(*) FROM flights WHERE id < $most AND day >= $day", { most: 10, day: "2001-01-05" }),
  ).toEqual([[6]]);
  expect(await rows("SELECT list_sum(?)", [[1, 2.5, null]])).toEqual([[3.5]]);
  expect(await rows("SELECT name FROM flights WHERE id IN (SELECT unnest(?)) ORDER BY id", [[3, 1]])).toEqual([
    ["F1"],
    ["F3"],
  ]);
});

test.each([
  ["none for one", "SELECT ?", null, /no value for \$1/],
  ["one too many", "SELECT ?", [1, 2], /asks for no parameter \$2/],
  ["another name", "SELECT $a", { b: 1 }, /no value for \$a/],
  ["an object", "SELECT ?", [{}], /A parameter is a text/],
  ["a mixed list", "SELECT ?", [[1, "a"]], /of one type/],
])("a query that is given %s parameter fails", async (_, sql, parameters, message) => {
  await expect(scene.run({ sql, parameters })).rejects.toEqual(failure("sql_error", message));
});

test("a name that several tables have must be written with its schema, lest another grant changes what it means", async () => {
  const upper = await scene.addTable("A", "T", "SELECT 1 AS x");
  const lower = await scene.addTable("B", "t", "SELECT 2 AS x");
  const other = await scene.addTable("A", "t", "SELECT 3 AS x");
  const read = async (sql: string, snapshots: QuerySnapshot[]) => (await scene.run({ sql, snapshots })).preview;
  expect(await read("SELECT x FROM t", [upper])).toEqual([[1]]);
  for (const sql of ["SELECT x FROM t", "SELECT x FROM T"])
    await expect(scene.run({ sql, snapshots: [upper, lower] })).rejects.toEqual(
      failure("sql_error", /"[tT]" may be any of A\.T, B\.t\. Write which/),
    );
  expect(await read('SELECT x FROM "b"."T"', [upper, lower])).toEqual([[2]]);
  expect(await read("SELECT x FROM A.T", [upper, other])).toEqual([[1]]);
  expect(await read("SELECT x FROM A.t", [upper, other])).toEqual([[3]]);
  await expect(scene.run({ sql: "SELECT x FROM a.t", snapshots: [upper, other] })).rejects.toEqual(
    failure("sql_error", /"a\.t" may be any of A\.T, A\.t\./),
  );
});

test("an error tells the line, the place and the columns that there are, and no path", async () => {
  const sql = "SELECT id,\n  nmae\nFROM flights";
  await expect(scene.run({ sql, snapshots: [flights] })).rejects.toEqual(
    failure(
      "sql_error",
      /column "nmae" not found[\s\S]*LINE 2: {3}nmae\n {10}\^\n\nPUBLIC\.FLIGHTS has the columns ID, NAME, DAY\./,
    ),
  );
  await expect(scene.run({ sql: "SELECT 1 +\n FORM", snapshots: [] })).rejects.toEqual(failure("sql_error", /"FORM"/));
  await expect(scene.run({ sql: "SELEC 1" })).rejects.toEqual(
    failure("sql_error", /^Parser Error[\s\S]*LINE 1: SELEC 1\n +\^/),
  );
});

test("an error echoes what was written as it was, whatever that is like", async () => {
  const sql = "SELECT 'é', snapshot_0.main.data.x FROM flights";
  await expect(scene.run({ sql, snapshots: [flights] })).rejects.toEqual(
    failure("sql_error", /\n\nLINE 1: SELECT 'é', snapshot_0\.main\.data\.x FROM flights\n {20}\^/),
  );
});

test("a table that is not granted is refused like one that does not exist", async () => {
  await expect(scene.run({ sql: "FROM geo.airports", snapshots: [flights] })).rejects.toEqual(
    failure(
      "sql_not_allowed",
      /no table "geo\.airports"[\s\S]*It may read PUBLIC\.FLIGHTS\.[\s\S]*LINE 1: FROM geo\.airports\n {13}\^/,
    ),
  );
});

test("a query that runs too long is ended", async () => {
  const sql = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 7";
  await expect(scene.run({ sql, limits: { ...LIMITS, seconds: 0.5 } })).rejects.toEqual(
    failure("query_timeout", /longer than the 0\.5 s/),
  );
});

test("a query that is cancelled is ended with the reason", async () => {
  const cancel = new AbortController();
  const sql = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 7";
  const running = scene.run({ sql }, cancel.signal);
  cancel.abort(new Error("no longer wanted"));
  await expect(running).rejects.toThrow("no longer wanted");
});

test.each([
  ["rows", { rows: 10 }, /more than the 10 rows/],
  ["bytes", { bytes: 1000 }, /larger than the 1000 bytes/],
])("a result of too many %s is no result", async (unit, limit, message) => {
  const id = `too-many-${unit}`;
  await expect(
    scene.run({ id, sql: "FROM flights, range(1000)", limits: { ...LIMITS, ...limit }, snapshots: [flights] }),
  ).rejects.toEqual(failure("result_too_large", message));
  expect(await scene.bucket.file(`results/${id}-1.json`).exists()).toEqual([false]);
});

test("a query that needs more memory than it may have fails, though another may have as much", async () => {
  // DuckDB does not count what this takes, about 480 MB.
  const sql = "SELECT len(range(60000000))";
  await expect(scene.run({ sql, limits: { ...LIMITS, memoryMb: 512 } })).resolves.toMatchObject({ rowCount: 1 });
  await expect(scene.run({ sql, limits: { ...LIMITS, memoryMb: 64 } })).rejects.toEqual(
    failure("query_memory", /more memory/),
  );
  await expect(scene.run({ sql: "SELECT len(range(200000000))", limits: { ...LIMITS, memoryMb: 64 } })).rejects.toEqual(
    failure("query_memory", /more memory/),
  );
});

test("a large result arrives whole", async () => {
  const sql = "SELECT range AS n, repeat('x', 100) AS t FROM range(60000)";
  const { object, bytes, rowCount, receipt } = await scene.run({ sql, format: "csv" });
  const text = await scene.read(object);
  expect([bytes, rowCount]).toEqual([text.length, 60000]);
  expect(text.length).toBeGreaterThan(4 * 1024 * 1024);
  expect(createHash("sha256").update(text).digest("hex")).toBe(receipt.result_hash);
});

test("nothing of a query is left on disk", async () => {
  await scene.run({ sql: "FROM flights", format: "parquet", snapshots: [flights] });
  const left = await readdir(scene.scratchDir, { recursive: true });
  expect(left.filter((name) => !/^query-\w+$/.test(name))).toEqual([]);
});
