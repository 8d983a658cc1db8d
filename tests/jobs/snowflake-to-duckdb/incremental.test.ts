import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PATHS, type SyncLane, type SyncWish, startSyncLane } from "./start-sync-lane.ts";

let lane: SyncLane;
beforeAll(async () => {
  lane = await startSyncLane();
});
afterAll(() => lane.close());

const BY_ID: SyncWish = { strategy: "incremental", incremental_key: "at", primary_key: ["id"] };
let tables = 0;

/** Makes a table of three rows with a time each, and its first snapshot. */
async function makeOrders(wish: SyncWish, columns = "ID INT, AT TIMESTAMP_NTZ, V VARCHAR(10)") {
  tables += 1;
  const table = `ORDERS_${tables}`;
  await lane.make(
    `CREATE TABLE ${table} (${columns})`,
    `INSERT INTO ${table} (ID, AT) SELECT column1, column2 FROM VALUES (1, '2020-01-01'), (2, '2020-01-02'), (3, '2020-01-03 00:00:00.000000001')`,
  );
  const first = await lane.sync(table, wish);
  expect(first.sync.stats).toMatchObject({ mode: "full", note: null });
  return { table, first };
}

const rowsOf = async (table: string, columns = "ID, V") =>
  lane.query(await lane.readSnapshot(table), `SELECT ${columns} FROM data ORDER BY ALL`);

describe.each(PATHS)("by path %s", (path) => {
  it("an incremental sync reads what is new or changed, and puts it in the place of what was", async () => {
    const wish = { ...BY_ID, path };
    const { table, first } = await makeOrders(wish);
    expect(first.snapshot.watermark).toBe("2020-01-03 00:00:00.000000001");
    await lane.make(
      `INSERT INTO ${table} SELECT 4, '2020-01-04', 'new'`,
      `UPDATE ${table} SET V = 'changed', AT = '2020-01-05' WHERE ID = 1`,
    );
    const { sync, snapshot } = await lane.sync(table, wish);
    expect(sync.stats).toMatchObject({ mode: "incremental", path, rows_read: 3, note: null });
    expect(snapshot).toMatchObject({ row_count: "4", watermark: "2020-01-05 00:00:00.000000000" });
    expect(await rowsOf(table)).toEqual([
      ["1", "changed"],
      ["2", null],
      ["3", null],
      ["4", "new"],
    ]);
    expect(await lane.readFile(snapshot, "certificate.json")).toMatchObject({
      row_count: { source: "3" },
      whole: { agrees: true, row_count: { source: "4", snapshot: "4" }, has_checksums: false },
    });
  });

  it("rows that are only added are appended, those of the overlap once", async () => {
    const wish = { ...BY_ID, path, append: true, overlap_seconds: 86_400 };
    const { table } = await makeOrders(wish);
    await lane.make(
      `INSERT INTO ${table} SELECT 5, '2020-01-02 12:00:00', 'late'`,
      `INSERT INTO ${table} SELECT 3, '2020-01-09', 'again'`,
    );
    const { sync, snapshot } = await lane.sync(table, wish);
    expect(sync.stats).toMatchObject({ mode: "incremental", rows_read: 3 });
    expect(snapshot.row_count).toBe("5");
    expect((await rowsOf(table)).map(([id]) => id)).toEqual(["1", "2", "3", "3", "5"]);
  });
});

it("nothing new makes the same snapshot again", async () => {
  const { table } = await makeOrders({ ...BY_ID, overlap_seconds: 0 });
  await lane.make(`DELETE FROM ${table} WHERE ID = 3`);
  const { sync, snapshot } = await lane.sync(table, { ...BY_ID, overlap_seconds: 0 });
  expect(sync.stats).toMatchObject({ mode: "incremental", rows_read: 0 });
  expect(snapshot).toMatchObject({ row_count: "3", watermark: "2020-01-03 00:00:00.000000001" });
});

it("deleted rows go when that is asked for, and stay when it is not", async () => {
  const { table } = await makeOrders(BY_ID);
  await lane.make(`DELETE FROM ${table} WHERE ID IN (1, 3)`, `INSERT INTO ${table} SELECT 4, '2020-01-04', NULL`);
  const kept = await lane.sync(table, BY_ID);
  expect(kept.sync.stats).toMatchObject({
    mode: "incremental",
    note: "Drift: the snapshot has 2 rows more than Snowflake, where rows were deleted; detect_deletes would find them.",
  });
  expect(await lane.readFile(kept.snapshot, "certificate.json")).toMatchObject({
    ...{ agrees: true, whole: { agrees: false, row_count: { source: "2", snapshot: "4" } } },
  });
  expect((await rowsOf(table)).map(([id]) => id)).toEqual(["1", "2", "3", "4"]);
  const { sync } = await lane.sync(table, { ...BY_ID, detect_deletes: true });
  expect(sync.stats).toMatchObject({ mode: "incremental", note: null });
  expect((await rowsOf(table)).map(([id]) => id)).toEqual(["2", "4"]);
});

it("rows that came without a new key are found when deletions are looked for: then all is read", async () => {
  const { table } = await makeOrders(BY_ID);
  await lane.make(`INSERT INTO ${table} SELECT 0, '2019-01-01', 'behind'`);
  const { sync } = await lane.sync(table, { ...BY_ID, detect_deletes: true });
  expect(sync.stats).toMatchObject({ mode: "full", note: expect.stringContaining("1 rows came without a new AT") });
  expect((await rowsOf(table)).map(([id]) => id)).toEqual(["0", "1", "2", "3"]);
});

describe("what an increment cannot show is found among all rows, and all are read then:", () => {
  const MISSED: [what: string, wish: SyncWish, statement: (table: string) => string, differs: string][] = [
    ["a row behind", BY_ID, (table) => `INSERT INTO ${table} SELECT 0, '2019-01-01', ''`, "its number of rows"],
    [
      "a row behind those that are appended",
      { ...BY_ID, append: true },
      (table) => `INSERT INTO ${table} SELECT 0, '2019-01-01', ''`,
      "its number of rows",
    ],
    ["a change that left the key alone", BY_ID, (table) => `UPDATE ${table} SET V = 'other' WHERE ID = 1`, "column V"],
    [
      "the same, where deletions are looked for",
      { ...BY_ID, detect_deletes: true },
      (table) => `UPDATE ${table} SET V = 'other' WHERE ID = 1`,
      "column V",
    ],
  ];

  it.each(MISSED)("%s", async (_what, wish, statement, differs) => {
    const { table } = await makeOrders(wish);
    await lane.make(statement(table));
    const { sync, snapshot } = await lane.sync(table, wish);
    expect(sync.stats).toMatchObject({
      mode: "full",
      note: `All rows were read: the merged table differs from Snowflake's in ${differs}.`,
    });
    expect(await rowsOf(table)).toEqual(
      (await lane.cells(`SELECT ID, V FROM ${table} ORDER BY ID`)).map(([id, v]) => [id, v]),
    );
    expect(await lane.readFile(snapshot, "certificate.json")).toMatchObject({ agrees: true, whole: null });
  });
});

it.each([true, false])("a time without an end hides nothing that comes before it (append: %s)", async (append) => {
  const wish = { ...BY_ID, append };
  const { table } = await makeOrders(wish);
  await lane.make(`INSERT INTO ${table} SELECT 4, '9999-12-31', 'open'`);
  await lane.sync(table, wish);
  await lane.make(`INSERT INTO ${table} SELECT 5, SYSDATE(), 'new'`);
  const { sync } = await lane.sync(table, wish);
  expect(sync.stats).toMatchObject({ mode: "incremental", rows_read: 2, note: null });
  expect((await rowsOf(table)).map(([id]) => id)).toEqual(["1", "2", "3", "4", "5"]);
});

it("nor does a number without an end", async () => {
  await lane.make(
    "CREATE TABLE ENDLESS (ID INT, AT FLOAT)",
    "INSERT INTO ENDLESS SELECT 1, 0.1",
    "INSERT INTO ENDLESS SELECT 2, 'inf'::FLOAT",
  );
  const wish = { ...BY_ID, append: true, overlap_seconds: 0 };
  expect((await lane.sync("ENDLESS", wish)).snapshot.watermark).toBe("0.1");
  await lane.make("INSERT INTO ENDLESS SELECT 3, 0.2");
  const { sync, snapshot } = await lane.sync("ENDLESS", wish);
  expect(sync.stats).toMatchObject({ mode: "incremental", rows_read: 3, note: null });
  expect(snapshot).toMatchObject({ row_count: "3", watermark: "0.2" });
});

it("rows without a key are read again each time", async () => {
  const { table } = await makeOrders({ ...BY_ID, append: true });
  for (const id of [7, 8]) {
    await lane.make(`INSERT INTO ${table} SELECT ${id}, NULL, NULL`);
    await lane.sync(table, { ...BY_ID, append: true });
  }
  expect((await rowsOf(table)).map(([id]) => id)).toEqual(["1", "2", "3", "7", "8"]);
});

it("a full snapshot is a base, too", async () => {
  const { table } = await makeOrders({ strategy: "full" });
  await lane.make(`INSERT INTO ${table} SELECT 4, '2020-01-04', NULL`);
  const { sync } = await lane.sync(table, BY_ID);
  expect(sync.stats).toMatchObject({ mode: "incremental", rows_read: 2 });
  expect((await rowsOf(table)).length).toBe(4);
});

describe("the schema is followed", () => {
  it("through added, dropped and widened columns", async () => {
    const { table } = await makeOrders(BY_ID, "ID NUMBER(4,0), AT TIMESTAMP_NTZ, V VARCHAR(10), GONE INT");
    await lane.make(
      `ALTER TABLE ${table} ADD COLUMN EXTRA TIMESTAMP_TZ`,
      `ALTER TABLE ${table} DROP COLUMN GONE`,
      `ALTER TABLE ${table} ALTER COLUMN ID SET DATA TYPE NUMBER(30,0)`,
      `INSERT INTO ${table} (ID, AT, EXTRA) SELECT 99999999999999999999, '2020-01-04', '2020-01-01 00:00:00 +0100'`,
    );
    const { sync, snapshot } = await lane.sync(table, BY_ID);
    expect(sync.stats).toMatchObject({
      mode: "incremental",
      note: "Added columns: EXTRA. Dropped columns: GONE. Changed columns: ID from NUMBER(4,0) to NUMBER(30,0).",
    });
    expect(snapshot.columns.map(({ name, type }) => [name, type])).toEqual([
      ["ID", "DECIMAL(30,0)"],
      ["AT", "TIMESTAMP_NS"],
      ["V", "VARCHAR"],
      ["EXTRA", "TIMESTAMP_NS"],
      ["EXTRA_OFFSET", "SMALLINT"],
    ]);
    expect(await rowsOf(table, "ID, EXTRA, EXTRA_OFFSET")).toEqual([
      ["1", null, null],
      ["2", null, null],
      ["3", null, null],
      ["99999999999999999999", "2019-12-31 23:00:00", 60],
    ]);
  });

  it("where new values need another form, for the old ones as well", async () => {
    const { table } = await makeOrders(BY_ID);
    await lane.make(`INSERT INTO ${table} SELECT 4, '9999-12-31 23:59:59.999999999', NULL`);
    await lane.sync(table, BY_ID);
    const forms = '"AT"::VARCHAR, AT_EXACT';
    const exact = [
      ["2020-01-01 00:00:00", "2020-01-01 00:00:00.000000000"],
      ["2020-01-02 00:00:00", "2020-01-02 00:00:00.000000000"],
      ["2020-01-03 00:00:00", "2020-01-03 00:00:00.000000001"],
      ["9999-12-31 23:59:59.999999", "9999-12-31 23:59:59.999999999"],
    ];
    expect(await rowsOf(table, forms)).toEqual(exact);
    // And from that form on.
    const { sync } = await lane.sync(table, BY_ID);
    expect(sync.stats).toMatchObject({ mode: "incremental", rows_read: 1 });
    expect(await rowsOf(table, forms)).toEqual(exact);
  });

  const CHANGES: [what: string, statements: (table: string) => string[], reason: string][] = [
    [
      "a column of another type",
      (table) => [`ALTER TABLE ${table} DROP COLUMN V`, `ALTER TABLE ${table} ADD COLUMN V INT`],
      "column V was VARCHAR(10) and is NUMBER(38,0)",
    ],
    [
      "a new column that old rows have values in",
      (table) => [`ALTER TABLE ${table} ADD COLUMN D INT DEFAULT 7`],
      "rows that were read before have values in columns that are new",
    ],
    [
      "a renamed column",
      (table) => [`UPDATE ${table} SET V = 'x'`, `ALTER TABLE ${table} RENAME COLUMN V TO W`],
      "rows that were read before have values in columns that are new",
    ],
    [
      "a table that was replaced",
      (table) => [`CREATE OR REPLACE TABLE ${table} AS SELECT 9 AS ID, '2021-01-01'::TIMESTAMP_NTZ AS AT, 'v' AS V`],
      "the table was replaced since the last snapshot",
    ],
  ];

  it.each(CHANGES)("but not to %s: then all rows are read, and the sync says so", async (_what, statements, reason) => {
    const { table } = await makeOrders(BY_ID);
    await lane.make(...statements(table));
    const { sync, snapshot } = await lane.sync(table, BY_ID);
    expect(sync.stats).toMatchObject({ mode: "full", note: `All rows were read: ${reason}.` });
    const [[count] = []] = await lane.cells(`SELECT COUNT(*) FROM ${table}`);
    expect(snapshot.row_count).toBe(count);
  });
});

it("another filter, or a base that is gone, means that all rows are read", async () => {
  const { table, first } = await makeOrders(BY_ID);
  const filtered = await lane.sync(table, { ...BY_ID, filter_condition: "ID > 1" });
  expect(filtered.sync.stats).toMatchObject({ mode: "full", rows_read: 2, note: expect.stringContaining("filter") });
  expect(first.snapshot.folder).not.toBe(filtered.snapshot.folder);
  await lane.bucket.file(`snapshots/${filtered.snapshot.folder}/table.duckdb`).delete();
  const again = await lane.sync(table, { ...BY_ID, filter_condition: "ID > 1" });
  expect(again.sync.stats).toMatchObject({ mode: "full", note: expect.stringContaining("is not there") });
});

describe("the key may be", () => {
  const KEYS: [type: string, old: string[], next: string, watermark: string][] = [
    ["INT", ["1", "2"], "3", "3"],
    [
      "NUMBER(38,0)",
      ["1", "99999999999999999999999999999999999998"],
      "99999999999999999999999999999999999999",
      "9".repeat(38),
    ],
    ["NUMBER(10,2)", ["-1.5", "0.25"], "0.26", "0.26"],
    ["FLOAT", ["-1.5", "0.1"], "1e300", "1e+300"],
    ["DATE", ["'1969-12-30'", "'1969-12-31'"], "'1970-01-02'", "1970-01-02"],
    ["VARCHAR", ["'a'", "'b''\\\\'"], "'c'", "c"],
    [
      "TIMESTAMP_LTZ",
      ["'1969-01-01 00:00:00 +0000'", "'2020-01-01 00:00:00 +0200'"],
      "'2020-01-02 00:00:00 +0000'",
      "2020-01-02 00:00:00.000000000",
    ],
    [
      "TIMESTAMP_TZ",
      ["'1969-01-01 00:00:00 +0000'", "'2020-01-01 00:00:00 +0200'"],
      "'2020-01-02 00:00:00 -0200'",
      "2020-01-02 02:00:00.000000000",
    ],
    [
      "TIMESTAMP_NTZ(9)",
      ["'0001-01-01'", "'2020-12-31'"],
      "'2020-12-31 23:59:59.999999999'",
      "2020-12-31 23:59:59.999999999",
    ],
  ];

  it.each(KEYS)("of type %s", async (type, old, next, watermark) => {
    tables += 1;
    const table = `KEYS_${tables}`;
    await lane.make(
      `CREATE TABLE ${table} ("key" ${type})`,
      ...old.map((value) => `INSERT INTO ${table} SELECT ${value}`),
    );
    const wish: SyncWish = { strategy: "incremental", incremental_key: "key", overlap_seconds: 0 };
    await lane.sync(table, wish);
    await lane.make(`INSERT INTO ${table} SELECT ${next}`);
    const { sync, snapshot } = await lane.sync(table, wish);
    expect(sync.stats).toMatchObject({ mode: "incremental", rows_read: 2 });
    expect(snapshot).toMatchObject({ row_count: "3", watermark });
  });
});
