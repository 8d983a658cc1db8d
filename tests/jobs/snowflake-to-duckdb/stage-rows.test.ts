import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { connectSnowflake, type SnowflakeSession } from "../../../jobs/snowflake/connect-snowflake.ts";
import { type StageByRowsOptions, stageByRows } from "../../../jobs/snowflake-to-duckdb/stage-rows.ts";
import { LOGIN, serveSnowflake } from "../../local/snowflake/serve-snowflake.ts";

const BATCH_ROWS = 50;

let snowflake: Awaited<ReturnType<typeof serveSnowflake>>;
let session: SnowflakeSession;
let duckdb: DuckDBInstance;
let connection: DuckDBConnection;
let dir: string;

beforeAll(async () => {
  snowflake = await serveSnowflake();
  session = await connectSnowflake({
    env: { SNOWFLAKE_ACCOUNT: "acct", SNOWFLAKE_URL: snowflake.url, SNOWFLAKE_DATABASE: "CORRAL" },
    credentials: { kind: "password", user: LOGIN.login, password: LOGIN.password },
    tag: "rows",
    statementSeconds: 600,
    signal: new AbortController().signal,
  });
  duckdb = await DuckDBInstance.create(":memory:");
  connection = await duckdb.connect();
});
afterAll(async () => {
  connection.closeSync();
  duckdb.closeSync();
  await session.close();
  await snowflake.close();
});
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "corral-stage-rows-"));
  return () => rm(dir, { recursive: true });
});

/** Stages the first flights' `sql` as `type`; counts what is told of underway. */
async function stage(rows: number, { sql, type }: { sql: string; type: string }) {
  const told = { rows: 0, bytes: 0 };
  const options: StageByRowsOptions = {
    session,
    connection,
    relation: `(SELECT * FROM CORRAL.PUBLIC.FLIGHTS LIMIT ${rows})`,
    columns: [{ name: "C0", type, sql }],
    dir,
    name: "t",
    batchRows: BATCH_ROWS,
    signal: new AbortController().signal,
    onRows: (count) => {
      told.rows += count;
    },
    onBytes: (count) => {
      told.bytes += count;
    },
  };
  return { staged: await stageByRows(options), told };
}

it.each([0, 1, BATCH_ROWS - 1, BATCH_ROWS, BATCH_ROWS + 1, 3 * BATCH_ROWS])("brings %i rows", async (rows) => {
  const { staged, told } = await stage(rows, { sql: "TO_VARCHAR(DISTANCE)", type: "INTEGER" });
  expect(staged).toEqual({ files: expect.any(Array), rows, bytes: told.bytes });
  expect(told.rows).toBe(rows);
  expect(staged.files).toHaveLength(Math.ceil(rows / BATCH_ROWS));
  // The lines between are gone.
  expect((await readdir(dir)).map((file) => join(dir, file)).toSorted()).toEqual(staged.files.toSorted());
  for (const file of staged.files) {
    const read = await connection.runAndReadAll(`SELECT typeof(any_value(C0)), count(C0) > 0 FROM '${file}'`);
    expect(read.getRows()).toEqual([["INTEGER", true]]);
  }
});

it.each([BATCH_ROWS - 1, BATCH_ROWS, BATCH_ROWS + 1, 2 * BATCH_ROWS])(
  "fails with what a batch could not be converted for, when there are %i rows",
  async (rows) => {
    await expect(stage(rows, { sql: "ORIGIN", type: "INTEGER" })).rejects.toThrow(/Could not convert string/);
  },
);
