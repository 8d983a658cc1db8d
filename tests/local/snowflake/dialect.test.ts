import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Caller, callSnowflake } from "./call-snowflake.ts";
import { serveSnowflake } from "./serve-snowflake.ts";

let served: Awaited<ReturnType<typeof serveSnowflake>>;
let snowflake: Caller;
beforeAll(async () => {
  served = await serveSnowflake();
  snowflake = await callSnowflake(served.url);
  await snowflake.run("CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(20) COMMENT 'as written', born DATE)");
  await snowflake.run(
    "INSERT INTO people VALUES (1, 'Ada', '1815-12-10'), (2, 'Grace', '1906-12-09'), (3, NULL, NULL)",
  );
});
afterAll(() => served.close());

/** Queries and what they answer, without order where there is one row. */
const QUERIES: [sql: string, ...rows: (string | null)[][]][] = [
  ["SELECT COUNT(*), COUNT(name) FROM corral.public.people", ["3", "2"]],
  ["SELECT p.name FROM people AS p WHERE p.id = 2 -- a comment", ["Grace"]],
  ["SELECT name n FROM people WHERE name ILIKE 'a%' /* another */", ["Ada"]],
  [
    "WITH x AS (SELECT id FROM people), y AS (SELECT id + 1 AS id FROM x) SELECT SUM(x.id) FROM x JOIN y USING (id)",
    ["5"],
  ],
  ["SELECT id FROM people QUALIFY ROW_NUMBER() OVER (ORDER BY id DESC) = 1", ["3"]],
  ["SELECT TOP 1 id FROM people ORDER BY id DESC NULLS LAST", ["3"]],
  ["SELECT id FROM people MINUS SELECT column1 FROM VALUES (1), (2)", ["3"]],
  ["SELECT LISTAGG(name, '+') WITHIN GROUP (ORDER BY id DESC) FROM people", ["Grace+Ada"]],
  ["SELECT CASE WHEN 1 = 1 THEN 'a' END::VARCHAR || $$b'$$", ["ab'"]],
  [
    "SELECT YEAR(MAX(born)), TO_VARCHAR(MIN(born), 'DD.MM.YY'), MAX(born)::VARCHAR FROM people",
    ["1906", "10.12.15", "1906-12-09"],
  ],
  [
    "SELECT DATEADD('day', -1, born), DATEDIFF(year, born, '2000-01-01'::DATE) FROM people WHERE id = 1",
    ["-56271", "185"],
  ],
  ['SELECT f.value:k::INT FROM LATERAL FLATTEN(INPUT => PARSE_JSON(\'[{"k":1},{"k":2}]\')) f', ["1"], ["2"]],
  ["SELECT born - INTERVAL '1 day' FROM people WHERE id = 1", ["-56271"]],
  ["SELECT EXTRACT(EPOCH_SECOND FROM '1970-01-02'::TIMESTAMP_NTZ), 7 % 4, 'a' REGEXP '[ab]'", ["86400", "3", "1"]],
  ['SELECT date, "DATE" FROM weather LIMIT 1', ["15340", "15340"]],
  ["SELECT id FROM people WHERE id IS DISTINCT FROM 1 AND id NOT IN (2)", ["3"]],
];

test.each(QUERIES)("%s", async (sql, ...rows) => {
  expect(await snowflake.cells(sql)).toEqual(rows);
});

test("columns are named as Snowflake names them: in upper case, by their text where they have no name", async () => {
  const { rowtype } = await snowflake.run('SELECT id, name AS "nick", Count( * ), id+1 plus FROM people GROUP BY ALL');
  expect(rowtype.map(({ name }) => name)).toEqual(["ID", "nick", "COUNT( * )", "PLUS"]);
});

test("session variables stand for values", async () => {
  await snowflake.run("SET who = (SELECT name FROM people WHERE id = 1)");
  expect(await snowflake.cells("SELECT id FROM people WHERE name = $who")).toEqual([["1"]]);
});

describe("the catalog", () => {
  const names = async (sql: string) => (await snowflake.cells(sql)).map((row) => row[1]);

  test("SHOW tells tables by pattern, place and prefix, with their rows", async () => {
    const { rowtype, rowset } = await snowflake.run("SHOW TABLES LIKE 'PEOP__' IN SCHEMA corral.public");
    const row = Object.fromEntries(rowtype.map(({ name }, at) => [name, rowset[0]?.[at]]));
    expect(row).toMatchObject({
      name: "PEOPLE",
      database_name: "CORRAL",
      schema_name: "PUBLIC",
      kind: "TABLE",
      rows: "3",
    });
    expect(await names("SHOW TERSE TABLES IN ACCOUNT")).toEqual([
      "AIRPORTS",
      "BIRDSTRIKES",
      "FLIGHTS",
      "MOVIES",
      "PEOPLE",
      "WEATHER",
    ]);
    expect(await names("SHOW TERSE TABLES STARTS WITH 'A'")).toEqual(["AIRPORTS"]);
    expect(await names("SHOW TERSE TABLES LIMIT 2 FROM 'BIRDSTRIKES'")).toEqual(["FLIGHTS", "MOVIES"]);
    expect(await names("SHOW SCHEMAS IN DATABASE corral")).toEqual(["PUBLIC"]);
    expect(await names("SHOW DATABASES")).toEqual(["CORRAL"]);
    expect(await snowflake.cells('SELECT "name" FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))')).toEqual([["CORRAL"]]);
  });

  test("DESCRIBE and INFORMATION_SCHEMA tell columns and their types", async () => {
    const described = await snowflake.cells("DESCRIBE TABLE people");
    expect(described.map(([name, type, , nullable, , key]) => [name, type, nullable, key])).toEqual([
      ["ID", "NUMBER(38,0)", "N", "Y"],
      ["NAME", "VARCHAR(20)", "Y", "N"],
      ["BORN", "DATE", "Y", "N"],
    ]);
    const columns = await snowflake.cells(
      "SELECT column_name, data_type, numeric_precision, character_maximum_length, comment FROM information_schema.columns WHERE table_name = 'PEOPLE' ORDER BY ordinal_position",
    );
    expect(columns).toEqual([
      ["ID", "NUMBER", "38", null, null],
      ["NAME", "TEXT", null, "20", "as written"],
      ["BORN", "DATE", null, null, null],
    ]);
    const tables = await snowflake.cells(
      "SELECT row_count, bytes > 0 FROM corral.information_schema.tables WHERE table_name = 'FLIGHTS'",
    );
    expect(tables).toEqual([["3000000", "1"]]);
  });

  test("the real tables are there with all their rows", async () => {
    const counts = await Promise.all(
      ["AIRPORTS", "BIRDSTRIKES", "FLIGHTS", "MOVIES", "WEATHER"].map((table) =>
        snowflake.cells(`SELECT COUNT(*) FROM ${table}`),
      ),
    );
    expect(counts.flat(2)).toEqual(["3376", "10000", "3000000", "3201", "2922"]);
  });

  test("a view answers with its table, whatever schema asks", async () => {
    await snowflake.run("CREATE SCHEMA other");
    await snowflake.run("CREATE VIEW names (n) AS SELECT name FROM public.people WHERE name IS NOT NULL");
    await snowflake.run("USE SCHEMA public");
    expect(await snowflake.cells("SELECT n FROM other.names ORDER BY n")).toEqual([["Ada"], ["Grace"]]);
    await snowflake.run("DROP SCHEMA other");
    expect(await snowflake.refusal("SELECT n FROM other.names")).toMatchObject({ errorCode: "002003" });
  });

  test("a dropped table comes back with UNDROP", async () => {
    await snowflake.run("CREATE TABLE brief AS SELECT 1 AS a");
    await snowflake.run("DROP TABLE brief");
    expect(await snowflake.refusal("SELECT * FROM brief")).toMatchObject({ errorCode: "002003", sqlState: "42S02" });
    await snowflake.run("UNDROP TABLE brief");
    expect(await snowflake.cells("SELECT * FROM brief")).toEqual([["1"]]);
  });
});

/** What Snowflake does not know either, or cannot be played here. */
const REFUSALS: [sql: string, errorCode: string][] = [
  ["SELECT read_csv('x')", "002140"],
  ["SELECT getenv('HOME')", "002140"],
  ["SELECT * FROM read_csv('/etc/passwd')", "002003"],
  ["SELECT * FROM duckdb_tables()", "002003"],
  ["ATTACH 'x.db'", "001003"],
  ["PRAGMA version", "001003"],
  ["SELECT HASH_AGG(*) FROM people", "000002"],
  ["SELECT 'x", "001003"],
  ["SELECT (1", "001003"],
  ["SELECT 1 +", "001003"],
  ["SELECT CAST(1 AS hugeint)", "002040"],
  ["CREATE TABLE people (a INT)", "002002"],
  ["CREATE TABLE twice (a INT, A INT)", "002025"],
  ["USE DATABASE nowhere", "002043"],
  ["INSERT INTO people VALUES (1)", "002020"],
  ["UPDATE people SET nothing = 1", "000904"],
  [
    "MERGE INTO people USING (SELECT 1 AS k UNION ALL SELECT 1) s ON people.id = s.k WHEN MATCHED THEN DELETE",
    "100090",
  ],
];

test.each(REFUSALS)("%s is refused", async (sql, errorCode) => {
  expect(await snowflake.refusal(sql)).toMatchObject({ errorCode });
});
