import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { beforeAll, expect, test } from "vitest";
import { ALLOWED_FUNCTIONS, ALLOWED_TABLE_FUNCTIONS } from "../../../jobs/query/allowed-functions.ts";
import { judgeQuery } from "../../../jobs/query/judge-query.ts";

const GRANTS = [
  { schema: "PUBLIC", table: "FLIGHTS" },
  { schema: "PUBLIC", table: "AIRPORTS" },
  { schema: "Geo", table: "airports" },
  { schema: "PUBLIC", table: "WEATHER" },
  { schema: "PUBLIC", table: "weather" },
];

let duckdb: DuckDBConnection;
beforeAll(async () => {
  duckdb = await (await DuckDBInstance.create(":memory:")).connect();
});

async function judge(sql: string) {
  const reader = await duckdb.runAndReadAll("SELECT json_serialize_sql($1::VARCHAR)", [sql]);
  return judgeQuery(sql, String(reader.getRows()[0]?.[0]), GRANTS);
}

test.each([
  ["SELECT 1", []],
  ["FROM flights", ["main 0"]],
  ["FROM public.flights f, FLIGHTS g", ["public 0", "main 0"]],
  ["FROM Flights, fLIGHTS", ["main 0"]],
  ["FROM geo.AIRPORTS", ["geo 2"]],
  ['FROM "Geo"."Airports"', ["Geo 2"]],
  ["FROM public.airports", ["public 1"]],
  ["WITH flights AS (SELECT 1) FROM flights", []],
  ["WITH flights AS (FROM flights) FROM FLIGHTS", ["main 0"]],
  ["WITH a AS (FROM flights), b AS (FROM a) FROM b JOIN geo.airports ON true", ["main 0", "geo 2"]],
  ["WITH RECURSIVE r AS (FROM flights UNION ALL FROM r) FROM r", ["main 0"]],
  ["WITH RECURSIVE r(a) USING KEY (a) AS (SELECT 1 UNION SELECT 2 FROM recurring.r) FROM r", []],
  ["SELECT (WITH x AS (FROM flights) SELECT count(*) FROM x)", ["main 0"]],
  ["SUMMARIZE flights", ["main 0"]],
  ["DESCRIBE FROM public.flights", ["public 0"]],
  ["FROM flights PIVOT (count(*) FOR id IN (1, 2))", ["main 0"]],
  ["UNPIVOT flights ON COLUMNS(*)", ["main 0"]],
  ["FROM flights TABLESAMPLE 10%", ["main 0"]],
  ["SELECT * FROM flights WHERE id IN (FROM geo.airports SELECT id)", ["main 0", "geo 2"]],
] as [string, string[]][])("%s reads what it says", async (sql, expected) => {
  const references = await judge(sql);
  expect(references.map(({ grant, schema }) => `${schema} ${grant}`).toSorted()).toEqual(expected.toSorted());
});

test.each([
  "SELECT count(*) FILTER (x > 1), sum(x) OVER w, lag(x IGNORE NULLS) OVER w FROM flights WINDOW w AS (ORDER BY y)",
  "SELECT DISTINCT ON (a) * EXCLUDE (b) REPLACE (c AS d) FROM flights ORDER BY ALL LIMIT 10% OFFSET 2",
  "SELECT COLUMNS(c -> c LIKE 'a%'), [x FOR x IN l IF x > 1], l[1:2], s.a.b, {'a': 1}, MAP {1: 2} FROM flights",
  "SELECT CASE WHEN a THEN 1 END, a BETWEEN 1 AND 2, a IS DISTINCT FROM b, TRY_CAST(a AS INT), a COLLATE NOCASE FROM flights",
  "SELECT EXTRACT(year FROM a), INTERVAL 3 DAY, DATE '2001-01-01' AT TIME ZONE 'UTC', a SIMILAR TO 'x' FROM flights",
  "SELECT a FROM flights GROUP BY GROUPING SETS ((a), ROLLUP (a, b)) HAVING grouping(a) = 0 QUALIFY rank() OVER () < 3",
  "SELECT * FROM flights f ASOF JOIN geo.airports a ON f.t >= a.t POSITIONAL JOIN (VALUES (1)) v, LATERAL (SELECT f.a)",
  "(SELECT 1 UNION ALL BY NAME SELECT 2) EXCEPT SELECT 3 INTERSECT (TABLE flights)",
  "SELECT t.a, u FROM flights t, unnest([1, 2]) u, range(3), generate_series(1, 2), json_each('[1]')",
  "SELECT quantile_cont(a, [0.1, 0.9]), approx_top_k(a, 3), arg_max(a, b ORDER BY c), string_agg(DISTINCT a, ',') FROM flights",
  "SELECT current_date, now(), 'a' || NULL, -a % 2 ** 3, a & b | c, a ~ 'x', a !~ 'y', a ^@ 'z', not a, a::JSON ->> '$.x'",
])("what people write is allowed: %s", async (sql) => {
  await expect(judge(sql)).resolves.toBeInstanceOf(Array);
});

test("a place in a text of many bytes and lines is found", async () => {
  const sql = "SELECT 'ünïcödé',\n       getenv('x')";
  await expect(judge(sql)).rejects.toThrow(
    "The function getenv may not be called in a query.\n\nLINE 2:        getenv('x')\n               ^",
  );
});

test.each([
  ["airports", "PUBLIC.AIRPORTS, Geo.airports"],
  ["AIRPORTS", "PUBLIC.AIRPORTS, Geo.airports"],
  ["public.Weather", "PUBLIC.WEATHER, PUBLIC.weather"],
])("%s, which is several tables ignoring case, is refused with the names that tell them apart", async (name, names) => {
  await expect(judge(`FROM ${name}`)).rejects.toMatchObject({
    code: "sql_error",
    message: expect.stringContaining(`"${name}" may be any of ${names}. Write which, with its schema, and its letters`),
  });
});

test("a name with its schema that is written exactly so is that table, whatever others are called", async () => {
  expect(await judge("FROM PUBLIC.WEATHER")).toEqual([{ grant: 3, schema: "PUBLIC" }]);
  expect(await judge("FROM PUBLIC.weather")).toEqual([{ grant: 4, schema: "PUBLIC" }]);
});

test.each(["1e400", "-1e400", "1e999 + 1"])("a number that no double holds is told: %s", async (sql) => {
  await expect(judge(`SELECT ${sql}, ':Infinity'`)).rejects.toMatchObject({
    code: "sql_error",
    message: expect.stringMatching(/^The query has a number that is too large for a DOUBLE/),
  });
});

test("what is called Infinity in a text is none", async () => {
  await expect(judge(`SELECT '":Infinity', 'infinity'::DOUBLE AS ":Infinity"`)).resolves.toEqual([]);
});

test("a part that is not known is refused", async () => {
  const tree = { error: false, statements: [{ node: { type: "SELECT_NODE", from_table: { type: "BRAND_NEW_REF" } } }] };
  expect(() => judgeQuery("", JSON.stringify(tree), GRANTS)).toThrow("BRAND_NEW_REF is not allowed in a query.");
});

test("every allowed function is one that DuckDB has", async () => {
  const reader = await duckdb.runAndReadAll("SELECT DISTINCT lower(function_name) FROM duckdb_functions()");
  const known = new Set(reader.getRows().map(([name]) => String(name)));
  const missing = [...ALLOWED_FUNCTIONS, ...ALLOWED_TABLE_FUNCTIONS].filter((name) => !known.has(name));
  expect(missing).toEqual([]);
});

test("no allowed function is a pragma, and none of those after FROM reads anything", async () => {
  const reader = await duckdb.runAndReadAll(
    "SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE function_type = 'pragma'",
  );
  expect(reader.getRows().filter(([name]) => ALLOWED_TABLE_FUNCTIONS.has(String(name)))).toEqual([]);
  expect([...ALLOWED_TABLE_FUNCTIONS]).toEqual([
    "generate_series",
    "json_each",
    "json_tree",
    "range",
    "regexp_split_to_table",
    "unnest",
  ]);
});
