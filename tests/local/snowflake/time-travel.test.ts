import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Caller, callSnowflake } from "./call-snowflake.ts";
import { serveSnowflake } from "./serve-snowflake.ts";

let served: Awaited<ReturnType<typeof serveSnowflake>>;
let snowflake: Caller;
beforeAll(async () => {
  served = await serveSnowflake();
  snowflake = await callSnowflake(served.url);
});
afterAll(() => served.close());
beforeEach(() =>
  snowflake.run("CREATE OR REPLACE TABLE t AS SELECT column1 AS id, column2 AS v FROM VALUES (1, 'a'), (2, 'b')"),
);

/** The moment as the server tells it. */
const now = async () => (await snowflake.cells("SELECT TO_VARCHAR(SYSDATE(), 'YYYY-MM-DD HH24:MI:SS.FF3')"))[0]?.[0];
const rows = (clause: string) => snowflake.cells(`SELECT id, v FROM t ${clause} ORDER BY id`);

test("each kind of change leaves what was before to AT", async () => {
  const changes = [
    [
      "INSERT INTO t VALUES (3, 'c')",
      [
        ["1", "a"],
        ["2", "b"],
        ["3", "c"],
      ],
    ],
    [
      "UPDATE t SET v = 'x' WHERE id = 1",
      [
        ["1", "x"],
        ["2", "b"],
        ["3", "c"],
      ],
    ],
    [
      "DELETE FROM t WHERE id = 2",
      [
        ["1", "x"],
        ["3", "c"],
      ],
    ],
    [
      "MERGE INTO t USING (SELECT 3 AS id UNION ALL SELECT 4) s ON t.id = s.id WHEN MATCHED AND v = 'c' THEN DELETE WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, 'm')",
      [
        ["1", "x"],
        ["4", "m"],
      ],
    ],
    ["TRUNCATE TABLE t", []],
  ] as const;
  const seen: { at: string | null | undefined; expected: unknown }[] = [
    {
      at: await now(),
      expected: [
        ["1", "a"],
        ["2", "b"],
      ],
    },
  ];
  for (const [change, expected] of changes) {
    await snowflake.run(change);
    seen.push({ at: await now(), expected });
  }
  for (const { at, expected } of seen)
    expect(await rows(`AT(TIMESTAMP => '${at}'::TIMESTAMP_NTZ)`), `${at}`).toEqual(expected);
});

test("a moment is read as UTC without a zone, and in the session's zone as TIMESTAMP_LTZ", async () => {
  const at = await now();
  await snowflake.run("DELETE FROM t");
  const local = (
    await snowflake.cells(`SELECT TO_VARCHAR('${at} +0000'::TIMESTAMP_LTZ, 'YYYY-MM-DD HH24:MI:SS.FF3')`)
  )[0]?.[0];
  expect(local).not.toBe(at);
  for (const moment of [`'${at}'`, `'${local}'::TIMESTAMP_LTZ`, `TO_TIMESTAMP_TZ('${at} +0000')`])
    expect(await rows(`AT(TIMESTAMP => ${moment})`), moment).toHaveLength(2);
});

test("BEFORE(STATEMENT) shows what the statement found, AT(STATEMENT) what it left", async () => {
  const { queryId } = await snowflake.run("UPDATE t SET v = 'z'");
  await snowflake.run("DELETE FROM t");
  expect(await rows(`BEFORE(STATEMENT => '${queryId}')`)).toEqual([
    ["1", "a"],
    ["2", "b"],
  ]);
  expect(await rows(`AT(STATEMENT => '${queryId}')`)).toEqual([
    ["1", "z"],
    ["2", "z"],
  ]);
});

test("columns that came or went since then count for the past, too", async () => {
  const at = await now();
  await snowflake.run("ALTER TABLE t ADD COLUMN n INT DEFAULT 5");
  await snowflake.run("ALTER TABLE t DROP COLUMN v");
  expect(await snowflake.cells(`SELECT * FROM t AT(TIMESTAMP => '${at}') ORDER BY id`)).toEqual([
    ["1", "5"],
    ["2", "5"],
  ]);
});

test("a transaction's changes appear at the moment of its end, all at once", async () => {
  const other = await callSnowflake(served.url);
  await snowflake.run("BEGIN");
  await snowflake.run("INSERT INTO t VALUES (3, 'c')");
  await snowflake.run("DELETE FROM t WHERE id = 1");
  const during = (await other.cells("SELECT TO_VARCHAR(SYSDATE(), 'YYYY-MM-DD HH24:MI:SS.FF3')"))[0]?.[0];
  expect(await other.cells("SELECT id FROM t ORDER BY id")).toEqual([["1"], ["2"]]);
  await snowflake.run("COMMIT");
  expect(await other.cells("SELECT id FROM t ORDER BY id")).toEqual([["2"], ["3"]]);
  expect(await other.cells(`SELECT id FROM t AT(TIMESTAMP => '${during}') ORDER BY id`)).toEqual([["1"], ["2"]]);
});

test("what is rolled back was never there", async () => {
  await snowflake.run("BEGIN");
  await snowflake.run("DELETE FROM t");
  await snowflake.run("ROLLBACK");
  expect(await rows("")).toHaveLength(2);
});

test("moments before the table, without retention or of a view are refused", async () => {
  await snowflake.run("CREATE OR REPLACE VIEW w AS SELECT * FROM t");
  const early = { errorCode: "000707", sqlState: "02000" };
  expect(await snowflake.refusal("SELECT * FROM t AT(OFFSET => -3600)")).toMatchObject(early);
  expect(await snowflake.refusal("SELECT * FROM t AT(TIMESTAMP => '2001-01-01')")).toMatchObject(early);
  expect(await snowflake.refusal("SELECT * FROM w AT(OFFSET => 0)")).toMatchObject({
    errorCode: "000002",
    sqlState: "0A000",
  });
  await snowflake.run("ALTER TABLE t SET DATA_RETENTION_TIME_IN_DAYS = 0");
  expect(await snowflake.refusal("SELECT * FROM t AT(OFFSET => 0)")).toMatchObject(early);
});

test("versions outlive a restart", async () => {
  const at = await now();
  await snowflake.run("DELETE FROM t WHERE id = 1");
  await served.restart();
  snowflake = await callSnowflake(served.url);
  expect(await rows("")).toEqual([["2", "b"]]);
  expect(await rows(`AT(TIMESTAMP => '${at}')`)).toHaveLength(2);
});
