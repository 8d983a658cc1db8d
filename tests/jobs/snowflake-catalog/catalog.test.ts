import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KEY_PASSPHRASE, type SyncLane, startSyncLane, TOKEN } from "../snowflake-to-duckdb/start-sync-lane.ts";

let lane: SyncLane;
beforeAll(async () => {
  lane = await startSyncLane();
});
afterAll(() => lane.close());

async function look(schema: string, more: Record<string, string> = {}) {
  const [made] = await lane.db.sql<{ run: string }>("select corral.enqueue_run('snowflake-catalog', $1) as run", [
    schema,
  ]);
  if (made === undefined) throw new Error("no run");
  const job = await lane.launch(made.run, "snowflake-catalog", { ...lane.env, ...more });
  const { code } = await job.exit;
  return { code, run: await lane.readRun(made.run), lines: job.lines };
}

const listed = () =>
  lane.db.sql("select table_name, row_count, size_bytes, last_modified from corral.source_tables order by 1");

describe("the job snowflake-catalog", () => {
  it("lists a schema's tables and views, with what Snowflake tells of each", async () => {
    await lane.make("CREATE VIEW SOUTH AS SELECT * FROM AIRPORTS WHERE STATE = 'TX'", 'CREATE TABLE "lower" (A INT)');
    const { code, run } = await look("PUBLIC");
    expect(code).toBe(0);
    expect(run).toMatchObject({ state: "succeeded" });
    const known = { size_bytes: expect.stringMatching(/^\d+$/), last_modified: expect.any(Date) };
    expect(await listed()).toEqual([
      { table_name: "AIRPORTS", row_count: "3376", ...known },
      { table_name: "BIRDSTRIKES", row_count: "10000", ...known },
      { table_name: "FLIGHTS", row_count: "3000000", ...known },
      { table_name: "MOVIES", row_count: "3201", ...known },
      { table_name: "SOUTH", row_count: null, size_bytes: null, last_modified: expect.any(Date) },
      { table_name: "WEATHER", row_count: "2922", ...known },
      { table_name: "lower", row_count: "0", ...known },
    ]);
  });

  it("forgets what is gone", async () => {
    await lane.make("DROP VIEW SOUTH", 'DROP TABLE "lower"');
    await look("PUBLIC");
    expect((await listed()).map((row) => row.table_name)).toEqual([
      "AIRPORTS",
      "BIRDSTRIKES",
      "FLIGHTS",
      "MOVIES",
      "WEATHER",
    ]);
  });

  it("lists all schemas that have the name in any case", async () => {
    await lane.make(
      ...['"my schema"', '"My Schema"'].map((name) => `CREATE SCHEMA ${name}`),
      'CREATE TABLE "my schema"."my table" (A INT)',
      'CREATE TABLE "my schema"."MY TABLE" (A INT)',
    );
    const { code, lines } = await look("MY SCHEMA");
    expect(code, lines.join("\n")).toBe(0);
    expect(
      await lane.db.sql(
        `select s.schema_name, array_agg(t.table_name order by t.table_name desc) as tables
           from corral.source_schemas s left join corral.source_tables t using (schema_name)
          where s.looked_for = 'MY SCHEMA' group by 1 order by 1 desc`,
      ),
    ).toEqual(
      expect.arrayContaining([
        { schema_name: "my schema", tables: expect.arrayContaining(["my table", "MY TABLE"]) },
        { schema_name: "My Schema", tables: [null] },
      ]),
    );
    await lane.make('DROP SCHEMA "my schema"', 'DROP SCHEMA "My Schema"');
  });

  it("says that there is no such schema", async () => {
    await lane.db.sql("alter table corral.runs alter column max_attempts set default 1");
    expect((await look("NOWHERE")).run).toMatchObject({
      ...{ error_code: "table_not_in_source", error_message: expect.stringContaining("no schema NOWHERE in CORRAL") },
    });
  });

  it("logs in with a token as well", async () => {
    expect((await look("PUBLIC", { SNOWFLAKE_PASSWORD: "", SNOWFLAKE_TOKEN: TOKEN })).code).toBe(0);
    const { run } = await look("PUBLIC", { SNOWFLAKE_PASSWORD: "", SNOWFLAKE_TOKEN: "other" });
    expect(run).toMatchObject({ error_code: "snowflake_unauthorized" });
  });

  it("logs in with a key pair, also one that a passphrase protects", async () => {
    const { privateKey } = lane;
    const more = {
      SNOWFLAKE_PASSWORD: "",
      SNOWFLAKE_PRIVATE_KEY: privateKey,
      SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: KEY_PASSPHRASE,
    };
    const { code, lines } = await look("PUBLIC", more);
    expect(code, lines.join("\n")).toBe(0);
    for (const wrong of [{ SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: "wrong" }, { SNOWFLAKE_PRIVATE_KEY: "no key" }]) {
      const { run } = await look("PUBLIC", { ...more, ...wrong });
      expect(run).toMatchObject({ state: "failed", error_code: "snowflake_unauthorized" });
    }
  });
});
