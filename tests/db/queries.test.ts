import type pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import {
  addDataAgent,
  addSyncedTable,
  admit,
  admitAdmin,
  admitAgent,
  claimQueries,
  type DataAgent,
  detailsOf,
  queryOf,
  RESULT,
  startRunner,
  submitQuery,
} from "./data-scene.ts";
import { firstOf, sqlstateOf } from "./scene.ts";
import { startBlocked } from "./wait-for-lock.ts";

let db: TestDatabase;
let first: pg.Client;
let agent: DataAgent;
beforeAll(async () => {
  db = await cloneDatabase();
  first = await db.connect();
  agent = await addDataAgent(db);
});
afterAll(() => db.drop());

/** Nothing waits and nobody runs. */
beforeEach(async () => {
  await db.sql(
    "update corral.queries set state = 'cancelled', finished_at = corral.now() where state in ('pending', 'running')",
  );
  await db.sql(
    `update corral.runs set state = 'succeeded', finished_at = corral.now(), lease_expires_at = null
      where kind = 'query' and finished_at is null`,
  );
});

const SUBMIT = "select * from public.submit_query($1, $2)";
const QUERY = JSON.stringify({ sql: "select 1", output_format: "json" });
const cancel = async (by: DataAgent, query: string) =>
  firstOf(await db.sql("select public.cancel_query($1, $2) as status", [await admitAgent(db, by), query])).status;
const get = async (by: DataAgent, query: string) =>
  firstOf(await db.sql("select * from public.get_query($1, $2)", [await admitAgent(db, by), query]));
const liveRunners = async () =>
  (await db.sql("select subject from corral.runs where kind = 'query' and finished_at is null order by subject")).map(
    ({ subject }) => subject,
  );

describe("submitting a query", () => {
  test("puts it in line with what its caller may see this moment, on record with its SQL and the versions", async () => {
    const one = await addDataAgent(db);
    const table = await addSyncedTable(db, { swarm: one.swarm, hidden: ["NAME"], masked: ["ID"] });
    await addSyncedTable(db);
    const call = await admitAgent(db, one);
    const asked = { sql: "select $1", parameters: [1], output_format: "csv", limits: null };
    const answer = firstOf(await db.sql(SUBMIT, [call, JSON.stringify(asked)]));
    expect(answer).toMatchObject({ status: "pending", created_at: expect.any(Date), started_at: null });
    const query = await queryOf(db, String(answer.query_id));
    expect(query).toMatchObject({
      call_id: call,
      sql: "select $1",
      parameters: [1],
      output_format: "csv",
      limits: { seconds: 60, memory_mb: 512, rows: 5_000_000, bytes: 1_073_741_824 },
      attempt: 0,
      snapshots: [
        {
          schema_name: table.schema,
          table_name: table.table,
          version: table.version,
          folder: `${table.schema}/${table.table}/${table.version}`,
          size_bytes: 4096,
          hidden_columns: ["NAME"],
          masked_columns: ["ID"],
          variant: expect.stringMatching(/^[0-9a-f]{32}$/),
        },
      ],
    });
    expect(await detailsOf(db, call)).toEqual([
      {
        query_id: answer.query_id,
        sql: "select $1",
        parameters: [1],
        in_sight: [{ table: `${table.schema}.${table.table}`, version: table.version }],
      },
    ]);
    expect(await get(one, String(answer.query_id))).toEqual(answer);
  });

  test("answers JSON unless told otherwise", async () => {
    const { query_id } = firstOf(await db.sql(SUBMIT, [await admitAgent(db, agent), '{"sql": "select 1"}']));
    expect(await queryOf(db, String(query_id))).toMatchObject({ output_format: "json", snapshots: [] });
  });

  test("has the limits of its token, and lower ones where asked for", async () => {
    const limits = { query_seconds: 10, query_memory_mb: 100, result_rows: 1000, result_bytes: 10_000 };
    const one = await addDataAgent(db, { limits });
    const limitsOf = async (asked?: Row) => (await queryOf(db, await submitQuery(db, one, { limits: asked }))).limits;
    expect(await limitsOf()).toEqual({ seconds: 10, memory_mb: 100, rows: 1000, bytes: 10_000 });
    expect(await limitsOf({ seconds: 5, rows: 2000 })).toEqual({
      seconds: 5,
      memory_mb: 100,
      rows: 1000,
      bytes: 10_000,
    });
    expect(await limitsOf({ memory_mb: 99, bytes: 1 })).toEqual({ seconds: 10, memory_mb: 99, rows: 1000, bytes: 1 });
  });

  test("tells the runners that listen, by a notification", async () => {
    const client = await db.connect();
    await client.query("listen corral_queries");
    const heard = new Promise<pg.Notification>((resolve) => client.once("notification", resolve));
    await submitQuery(db, agent);
    expect(await heard).toMatchObject({ channel: "corral_queries", payload: "" });
    await client.end();
  });

  test("is refused beyond what a token may have at once, until one is over", async () => {
    const one = await addDataAgent(db, { limits: { concurrent_queries: 2 } });
    const query = await submitQuery(db, one);
    await submitQuery(db, one);
    await expect(submitQuery(db, one)).rejects.toMatchObject({
      code: "ZC131",
      message: "2 queries are under way, which is as many as may be at once. Wait for one, or cancel it.",
    });
    await submitQuery(db, await addDataAgent(db));
    await cancel(one, query);
    await submitQuery(db, one);
  });

  test("counts a query that runs, as it counts one that waits", async () => {
    const one = await addDataAgent(db, { limits: { concurrent_queries: 1 } });
    const query = await submitQuery(db, one);
    const runner = await startRunner(db);
    await claimQueries(db, runner);
    expect(await sqlstateOf(submitQuery(db, one))).toBe("ZC131");
    await db.sql("select public.complete_query($1, $2, $3, $4)", [
      runner.run,
      runner.attempt,
      query,
      JSON.stringify(RESULT),
    ]);
    await submitQuery(db, one);
  });

  test("is limited as the settings say where the token says nothing, admins as others, each by himself", async () => {
    await db.sql("update corral.settings set concurrent_queries = 1");
    try {
      const one = await addDataAgent(db);
      await submitQuery(db, one);
      expect(await sqlstateOf(submitQuery(db, one))).toBe("ZC131");
      const admin = await admitAdmin(db);
      await db.sql(SUBMIT, [admin, QUERY]);
      expect(await sqlstateOf(db.sql(SUBMIT, [admin, QUERY]))).toBe("ZC131");
      await db.sql(SUBMIT, [await admitAdmin(db), QUERY]);
    } finally {
      await db.sql("update corral.settings set concurrent_queries = default");
    }
  });

  test("at the same time does not slip past the limit", async () => {
    const one = await addDataAgent(db, { limits: { concurrent_queries: 1 } });
    await first.query("begin");
    await first.query(SUBMIT, [await admitAgent(db, one), QUERY]);
    const second = await startBlocked(db, SUBMIT, [await admitAgent(db, one), QUERY]);
    await first.query("commit");
    expect(await sqlstateOf(second.result)).toBe("ZC131");
  });

  test("of two tokens at the same time starts one container between them", async () => {
    await first.query("begin");
    await first.query(SUBMIT, [await admitAgent(db, await addDataAgent(db)), QUERY]);
    const second = await startBlocked(db, SUBMIT, [await admitAgent(db, await addDataAgent(db)), QUERY]);
    await first.query("commit");
    await second.result;
    expect(await liveRunners()).toEqual(["runner-1"]);
  });
});

describe("the containers that run queries", () => {
  test("are one while few wait, and more when many do, but never more than allowed", async () => {
    await db.sql("update corral.settings set queries_per_runner = 2, query_runners = 2, concurrent_queries = 100");
    try {
      await submitQuery(db, agent);
      await submitQuery(db, agent);
      expect(await liveRunners()).toEqual(["runner-1"]);
      await submitQuery(db, agent);
      expect(await liveRunners()).toEqual(["runner-1", "runner-2"]);
      for (let i = 0; i < 4; i++) await submitQuery(db, agent);
      expect(await liveRunners()).toEqual(["runner-1", "runner-2"]);
    } finally {
      await db.sql(
        "update corral.settings set queries_per_runner = default, query_runners = default, concurrent_queries = default",
      );
    }
  });

  test("take the place of one that left, one for each that is missing", async () => {
    await db.sql("update corral.settings set queries_per_runner = 1, query_runners = 3, concurrent_queries = 100");
    try {
      await db.sql("select corral.enqueue_run('query', 'runner-3')");
      await submitQuery(db, agent);
      expect(await liveRunners()).toEqual(["runner-3"]);
      await submitQuery(db, agent);
      expect(await liveRunners()).toEqual(["runner-1", "runner-3"]);
    } finally {
      await db.sql(
        "update corral.settings set queries_per_runner = default, query_runners = default, concurrent_queries = default",
      );
    }
  });
});

describe("a query of one's own swarm", () => {
  test("is read and cancelled by every agent of it", async () => {
    const one = await addDataAgent(db);
    const two = { ...(await addDataAgent(db, { swarm: one.swarm })), swarmToken: one.swarmToken };
    const query = await submitQuery(db, one);
    expect(await get(two, query)).toMatchObject({ query_id: query });
    expect(await cancel(two, query)).toBe("cancelled");
  });

  test("is found when it is over, by who waits for what his own calls submitted", async () => {
    const find = async (calls: unknown[], queries: string[]) =>
      (await db.sql("select query_id from public.find_finished_queries($1, $2)", [calls, queries])).map(
        ({ query_id }) => query_id,
      );
    const call = await admitAgent(db, agent);
    const query = String(firstOf(await db.sql(SUBMIT, [call, QUERY])).query_id);
    const later = await submitQuery(db, agent);
    expect(await find([call], [query, later])).toEqual([]);
    await cancel(agent, query);
    await cancel(agent, later);
    expect(await find([call], [query, later])).toEqual([query]);
    expect(await find([await admitAgent(db, agent)], [query, later])).toEqual([]);
  });

  test("is read and cancelled by admins, whose own nobody else reads", async () => {
    const query = await submitQuery(db, agent);
    const admin = await admitAdmin(db);
    expect(await db.sql("select query_id from public.get_query($1, $2)", [admin, query])).toEqual([
      { query_id: query },
    ]);
    const { query_id } = firstOf(await db.sql(SUBMIT, [admin, QUERY]));
    expect(await queryOf(db, String(query_id))).toMatchObject({ swarm_id: null });
    expect(await sqlstateOf(get(agent, String(query_id)))).toBe("ZC132");
    const { call_id } = await admit(db, { ...agent, isAdmin: true });
    const both = firstOf(await db.sql(SUBMIT, [call_id, QUERY]));
    expect(await sqlstateOf(get(agent, String(both.query_id)))).toBe("ZC132");
  });

  test("that is over is on record with what it has read, whoever looks; until then there is nothing to see", async () => {
    const query = await submitQuery(db, agent);
    const runner = await startRunner(db);
    await claimQueries(db, runner);
    const look = async () => {
      const call = await admitAdmin(db);
      await db.sql("select * from public.get_query($1, $2)", [call, query]);
      return detailsOf(db, call);
    };
    expect(await look()).toEqual([]);
    const snapshots = [{ table: "PUBLIC.FLIGHTS", version: "7" }];
    const result = JSON.stringify({ ...RESULT, receipt: { ...RESULT.receipt, snapshots } });
    await db.sql("select public.complete_query($1, $2, $3, $4)", [runner.run, runner.attempt, query, result]);
    expect(await look()).toEqual([{ query_id: query, tables: snapshots }]);
  });

  test("that there is not is not found", async () => {
    expect(await sqlstateOf(get(agent, "00000000-0000-0000-0000-000000000000"))).toBe("ZC132");
    expect(await sqlstateOf(cancel(agent, "00000000-0000-0000-0000-000000000000"))).toBe("ZC132");
  });
});

describe("cancelling a query", () => {
  test("that waits takes it out of the line, on record", async () => {
    const query = await submitQuery(db, agent);
    const call = await admitAgent(db, agent);
    await db.sql("select public.cancel_query($1, $2)", [call, query]);
    expect(await detailsOf(db, call)).toEqual([{ query_id: query }]);
    expect(await queryOf(db, query)).toMatchObject({ state: "cancelled", finished_at: expect.any(Date) });
    expect(await claimQueries(db, await startRunner(db))).toEqual([]);
  });

  test("that runs tells its runner, whose result then changes nothing", async () => {
    const query = await submitQuery(db, agent);
    const { run, attempt } = await startRunner(db);
    await claimQueries(db, { run, attempt });
    await cancel(agent, query);
    const watched = await db.sql("select id from public.watch_queries($1, $2, $3) id", [run, attempt, [query]]);
    expect(watched).toEqual([{ id: query }]);
    const complete = await db.sql("select public.complete_query($1, $2, $3, $4) as outcome", [
      run,
      attempt,
      query,
      JSON.stringify(RESULT),
    ]);
    expect(complete).toEqual([{ outcome: "stale" }]);
    expect(await queryOf(db, query)).toMatchObject({ state: "cancelled", row_count: null });
  });

  test("twice is answered as the first time", async () => {
    const query = await submitQuery(db, agent);
    await cancel(agent, query);
    expect(await cancel(agent, query)).toBe("cancelled");
  });

  test("that is over is refused, and says how it ended", async () => {
    const query = await submitQuery(db, agent);
    const { run, attempt } = await startRunner(db);
    await claimQueries(db, { run, attempt });
    await db.sql("select public.fail_query($1, $2, $3, 'sql_error', 'No such column')", [run, attempt, query]);
    await expect(cancel(agent, query)).rejects.toMatchObject({
      code: "ZC133",
      message: "The query is over: it has failed",
    });
  });

  test("while it completes is refused", async () => {
    const query = await submitQuery(db, agent);
    const { run, attempt } = await startRunner(db);
    await claimQueries(db, { run, attempt });
    await first.query("begin");
    await first.query("select public.complete_query($1, $2, $3, $4)", [run, attempt, query, JSON.stringify(RESULT)]);
    const second = await startBlocked(db, "select public.cancel_query($1, $2)", [await admitAgent(db, agent), query]);
    await first.query("commit");
    expect(await sqlstateOf(second.result)).toBe("ZC133");
    expect(await queryOf(db, query)).toMatchObject({ state: "completed" });
  });
});
