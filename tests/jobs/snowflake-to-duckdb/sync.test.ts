import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PATHS, type SyncLane, startSyncLane } from "./start-sync-lane.ts";

let lane: SyncLane;
beforeAll(async () => {
  lane = await startSyncLane();
});
afterAll(() => lane.close());

describe("the job snowflake-to-duckdb", () => {
  it("publishes a snapshot with all of its files, says what it took, and leaves nothing else", async () => {
    const { sync, snapshot, lines } = await lane.sync("WEATHER");
    expect(lines.filter((line) => !/AWS|Warning|a\.co|^(versions|will|To|and) |trace-warnings|^$/.test(line))).toEqual([
      expect.stringMatching(/^corral-job snowflake-to-duckdb run=\d+ attempt=1 started$/),
      expect.stringMatching(/^Syncing PUBLIC.WEATHER as of [\d-]+ [\d:.]+$/),
      ...["Unloading …", "Downloading …", "Loading …", "Loaded 2922 rows by unload", "Statistics …", "Certifying …"],
      ...["Uploading …", "Publishing …"],
      `published: ${snapshot.version} with 2922 rows`,
    ]);
    expect(sync).toMatchObject({ state: "completed", version: snapshot.version, error: null });
    expect(sync.stats).toEqual({
      ...{ mode: "full", path: "unload", rows_read: 2922, bytes_read: expect.any(Number), note: null },
      ...{ bytes_scanned: expect.any(Number), credits_cloud_services: expect.any(Number), credits: null },
      seconds: Object.fromEntries(
        ["connecting", "unloading", "downloading", "loading", "statistics", "certifying", "uploading"].map((phase) => [
          phase,
          expect.any(Number),
        ]),
      ),
    });
    expect(snapshot).toMatchObject({ row_count: "2922", fixed_moment: true, watermark: null });
    expect(snapshot.columns).toContainEqual({
      ...{ name: "PRECIPITATION", type: "DECIMAL(6,1)", source_type: "NUMBER(6,1)", nullable: true },
    });
    expect((await lane.listObjects()).sort()).toEqual(
      ["certificate.json", "profile.json", "sample.json", "table.duckdb"].map(
        (name) => `snapshots/${snapshot.folder}/${name}`,
      ),
    );
    expect(await lane.readFile(snapshot, "certificate.json")).toMatchObject({
      ...{ agrees: true, fixed_moment: true, has_checksums: true },
      row_count: { source: "2922", snapshot: "2922" },
    });
    expect(await lane.readFile(snapshot, "sample.json")).toMatchObject({ version: snapshot.version, total_rows: 2922 });
    expect(await lane.readFile(snapshot, "profile.json")).toMatchObject({ row_count: 2922 });
    expect(await lane.listScratch()).toEqual([]);
  });

  it("tags its statements, so that Snowflake's history tells them", async () => {
    const { run } = await lane.enqueueSync("AIRPORTS");
    expect(await (await lane.launchSync(run)).exit).toMatchObject({ code: 0 });
    const [[count] = []] = await lane.cells(
      `SELECT COUNT(*) FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY()) WHERE QUERY_TAG = 'corral:snowflake-to-duckdb:${run}:1'`,
    );
    expect(Number(count)).toBeGreaterThan(5);
  });

  it("keeps a version by name", async () => {
    const { snapshot } = await lane.sync("AIRPORTS", { strategy: "snapshot", name: "before" });
    expect(snapshot).toMatchObject({ name: "before", row_count: "3376" });
  });
});

describe.each(PATHS)("by path %s", (path) => {
  const suffix = path.toUpperCase();

  it("an empty table becomes an empty snapshot of the same types", async () => {
    const table = `EMPTY_${suffix}`;
    await lane.make(`CREATE TABLE ${table} (ID INT NOT NULL, AT TIMESTAMP_TZ, V VARIANT)`);
    const { snapshot } = await lane.sync(table, { path });
    expect(snapshot.row_count).toBe("0");
    expect(snapshot.columns).toEqual([
      { name: "ID", type: "BIGINT", source_type: "NUMBER(38,0)", nullable: false },
      { name: "AT", type: "TIMESTAMP_NS", source_type: "TIMESTAMP_TZ(9)", nullable: true },
      { name: "AT_OFFSET", type: "SMALLINT", source_type: "TIMESTAMP_TZ(9) of AT", nullable: true },
      { name: "V", type: "JSON", source_type: "VARIANT", nullable: true },
    ]);
    expect(await lane.query(snapshot, "SELECT * FROM data")).toEqual([]);
  });

  it("names stay as they are, whatever they are", async () => {
    const table = `Odd "names" of ${path}`;
    const quoted = `"${table.replaceAll('"', '""')}"`;
    await lane.make(
      `CREATE TABLE ${quoted} ("select" INT, "id" INT, ID INT, "a ""b"" 'c'" INT, "ü.ö" INT, "group" TIMESTAMP_TZ, "group_offset" INT, "1" INT)`,
      `INSERT INTO ${quoted} SELECT 1, 2, 3, 4, 5, '2020-01-01 00:00:00 +0100', 7, 8`,
    );
    const { snapshot } = await lane.sync(table, { path, filter_condition: '"id" = 2 -- and ID = 3' });
    expect(snapshot.columns.map(({ name }) => name)).toEqual(
      // DuckDB takes "id" and ID for the same.
      ["select", "id", "ID_2", "a \"b\" 'c'", "ü.ö", "group", "group_offset_2", "group_offset", "1"],
    );
    expect(await lane.query(snapshot, "SELECT * FROM data")).toEqual([
      [1, 2, 3, 4, 5, "2019-12-31 23:00:00", 60, 7, 8].map((cell, at) => (at === 5 || at === 6 ? cell : String(cell))),
    ]);
  });

  it("a table of two thousand columns is one like others", async () => {
    const table = `WIDE_${suffix}`;
    const types = ["INT", "VARCHAR", "TIMESTAMP_NTZ", "NUMBER(10,2)", "FLOAT"];
    const columns = Array.from({ length: 2000 }, (_, at) => `C${at} ${types[at % 5]}`);
    const values = Array.from({ length: 2000 }, (_, at) => (at % 5 === 2 ? "'2020-01-01'" : `${at}`));
    await lane.make(
      `CREATE TABLE ${table} (${columns.join(", ")})`,
      `INSERT INTO ${table} SELECT ${values.join(", ")}`,
    );
    const { snapshot } = await lane.sync(table, { path });
    expect(snapshot.columns).toHaveLength(2000);
    expect(await lane.query(snapshot, "SELECT C0, C1, C2, C1998, C1999 FROM data")).toEqual([
      ["0", "1", "2020-01-01 00:00:00", "1998.00", 1999],
    ]);
  }, 240_000);

  it("only rows that the filter takes are synced", async () => {
    const { snapshot } = await lane.sync("AIRPORTS", { path, filter_condition: "STATE = 'AK' OR STATE = ')' /* ( */" });
    expect(await lane.query(snapshot, "SELECT DISTINCT STATE FROM data")).toEqual([["AK"]]);
  });

  it("a view has no fixed moment, and says so", async () => {
    const view = `SOUTH_${suffix}`;
    await lane.make(`CREATE VIEW ${view} AS SELECT * FROM AIRPORTS WHERE STATE = 'TX'`);
    const { snapshot, sync } = await lane.sync(view, { path });
    expect(snapshot.fixed_moment).toBe(false);
    expect(Number(snapshot.row_count)).toBeGreaterThan(0);
    expect(sync.stats).toMatchObject({ note: expect.stringMatching(/^No fixed moment: .*TIME TRAVEL/) });
  });

  it("nothing is published that does not agree with its source", async () => {
    const view = `CHANGING_${suffix}`;
    await lane.make(`CREATE VIEW ${view} AS SELECT RANDOM() AS R FROM AIRPORTS`);
    expect(await lane.failedSync(view, { path })).toMatchObject({
      ...{ state: "failed", error_code: "certificate_mismatch", error: expect.stringContaining("R") },
    });
    await expect(lane.readSnapshot(view)).rejects.toThrow("no snapshot");
    expect(await lane.listStrayObjects()).toEqual([]);
    expect(await lane.listScratch()).toEqual([]);
  });

  it("a session that expires on the way is renewed", async () => {
    lane.server.faults.add({
      on: "query",
      sql: path === "rows" ? 'SELECT "' : "COPY",
      fault: { kind: "expired_session" },
    });
    expect((await lane.sync("WEATHER", { path })).snapshot.row_count).toBe("2922");
  });
});

it("a table without retention has no fixed moment", async () => {
  await lane.make("CREATE TABLE FORGETFUL (A INT) DATA_RETENTION_TIME_IN_DAYS = 0", "INSERT INTO FORGETFUL VALUES (1)");
  const { snapshot, sync } = await lane.sync("FORGETFUL");
  expect(snapshot).toMatchObject({ fixed_moment: false, row_count: "1" });
  expect(sync.stats).toMatchObject({ note: expect.stringContaining("Time travel data is not available") });
});

it("a table that has a past is read at a fixed moment or not at all", async () => {
  const { sync, run } = await lane.enqueueSync("WEATHER");
  const refusal = { kind: "refusal", code: "300010", message: "Processing aborted by error 300010" } as const;
  lane.server.faults.add({ on: "query", sql: "SELECT COUNT(*) AS N", fault: refusal });
  const job = await lane.launchSync(run);
  expect(await job.exit, job.lines.join("\n")).toMatchObject({ code: 1 });
  expect(await lane.readRun(run)).toMatchObject({
    ...{ state: "queued", error_code: "snowflake_error", error_message: expect.stringContaining("300010") },
  });
  await lane.db.sql("select corral.stop_sync($1)", [sync]);
});

describe("a sync that fails leaves the last snapshot, and says why", () => {
  const FAILURES: [
    why: string,
    table: string,
    wish: object,
    env: Record<string, string>,
    code: string,
    error: string,
  ][] = [
    ["there is no such table", "NOWHERE", {}, {}, "table_not_in_source", "Snowflake has no such table in CORRAL"],
    [
      "the password is wrong",
      "WEATHER",
      {},
      { SNOWFLAKE_PASSWORD: "x" },
      "snowflake_unauthorized",
      "Incorrect username",
    ],
    ["the filter is wrong", "WEATHER", { filter_condition: "NOTHING = 1" }, {}, "snowflake_error", "NOTHING"],
    ["the filter is none", "WEATHER", { filter_condition: "1 = 1) OR (1 = 1" }, {}, "invalid_sync", "closes a bracket"],
    [
      "unloading is asked for but not possible",
      "WEATHER",
      { path: "unload" },
      { SNOWFLAKE_STORAGE_INTEGRATION: "" },
      "invalid_sync",
      "SNOWFLAKE_STORAGE_INTEGRATION",
    ],
    [
      "Snowflake has no such integration",
      "WEATHER",
      { path: "unload" },
      { SNOWFLAKE_STORAGE_INTEGRATION: "corral" },
      "snowflake_error",
      "Integration 'CORRAL' does not exist or not authorized",
    ],
    [
      "the key cannot say what is new",
      "WEATHER",
      { strategy: "incremental", incremental_key: "nothing" },
      {},
      "invalid_sync",
      "no such column",
    ],
    [
      "the database does not exist",
      "WEATHER",
      {},
      { SNOWFLAKE_DATABASE: "elsewhere" },
      "table_not_in_source",
      "ELSEWHERE",
    ],
    ["it takes too long", "FLIGHTS", { path: "rows", timeout_seconds: 1 }, {}, "sync_timeout", "longer than 1 seconds"],
  ];

  it.each(FAILURES)("because %s", async (_why, table, wish, env, code, error) => {
    await lane.sync("WEATHER");
    const before = await lane.readSnapshot("WEATHER");
    expect(await lane.failedSync(table, wish, env)).toMatchObject({
      ...{ state: "failed", error_code: code, error: expect.stringContaining(error) },
    });
    expect(await lane.readSnapshot("WEATHER")).toEqual(before);
    expect(await lane.listStrayObjects()).toEqual([]);
    expect(await lane.listScratch()).toEqual([]);
  });

  it("because Snowflake refuses to unload", async () => {
    const refusal = {
      kind: "refusal",
      code: "003001",
      message: "Insufficient privileges to operate on integration",
    } as const;
    lane.server.faults.add({ on: "query", sql: "COPY", fault: refusal });
    expect(await lane.failedSync("WEATHER")).toMatchObject({
      ...{ error_code: "snowflake_error", error: expect.stringContaining("Insufficient privileges") },
    });
  });

  it("because Snowflake does not answer: then it is tried again", async () => {
    const { sync, run } = await lane.enqueueSync("WEATHER");
    const job = await lane.launchSync(run, { SNOWFLAKE_URL: "http://127.0.0.1:1" });
    expect(await job.exit, job.lines.join("\n")).toMatchObject({ code: 1 });
    expect(await lane.readRun(run)).toMatchObject({ state: "queued", error_code: "snowflake_unavailable" });
    expect(await lane.readSync(sync)).toMatchObject({ state: "running" });
    await lane.db.sql("select corral.stop_sync($1)", [sync]);
  });
});
