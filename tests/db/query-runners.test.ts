import type pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import {
  type Attempt,
  addDataAgent,
  addSyncedTable,
  admitAgent,
  claimQueries,
  type DataAgent,
  detailsOf,
  killContainer,
  queryOf,
  RESULT,
  startRunner,
  submitQuery,
} from "./data-scene.ts";
import { firstOf } from "./scene.ts";
import { startBlocked } from "./wait-for-lock.ts";

let db: TestDatabase;
let first: pg.Client;
let agent: DataAgent;
beforeAll(async () => {
  db = await cloneDatabase();
  first = await db.connect();
  agent = await addDataAgent(db);
  await db.sql("update corral.settings set concurrent_queries = 1000");
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

const outcomeOf = async (expression: string, params: unknown[]) =>
  firstOf(await db.sql(`select public.${expression} as outcome`, params)).outcome;
const complete = ({ run, attempt }: Attempt, query: string, result: Row = RESULT) =>
  outcomeOf("complete_query($1, $2, $3, $4)", [run, attempt, query, JSON.stringify(result)]);
const fail = ({ run, attempt }: Attempt, query: string) =>
  outcomeOf("fail_query($1, $2, $3, 'sql_error', 'No such column')", [run, attempt, query]);
const giveBack = ({ run, attempt }: Attempt, queries: string[]) =>
  outcomeOf("return_queries($1, $2, $3)", [run, attempt, queries]);
const LEAVE = "select public.leave_queue($1, $2) as outcome";
const leave = ({ run, attempt }: Attempt) => outcomeOf("leave_queue($1, $2)", [run, attempt]);
const watch = async ({ run, attempt }: Attempt, queries: string[]) =>
  (await db.sql("select id from public.watch_queries($1, $2, $3) id", [run, attempt, queries])).map(({ id }) => id);
const sweep = () => db.sql("select corral.sweep_queries()");
const runRow = async ({ run }: Attempt) => firstOf(await db.sql("select * from corral.runs where id = $1", [run]));

/** A runner's attempt that is no longer current, and what it was: it was told to stop. */
async function staleRunner(query: string): Promise<Attempt> {
  const runner = await startRunner(db);
  expect(await claimQueries(db, runner)).toContain(query);
  await db.sql("select public.release_run($1, $2)", [runner.run, runner.attempt]);
  return runner;
}

describe("claiming queries", () => {
  test("gives the oldest first, as many as asked for, with all that is needed to run them", async () => {
    const one = await addDataAgent(db);
    const { version } = await addSyncedTable(db, { swarm: one.swarm });
    const older = await submitQuery(db, one, { sql: "select $a", parameters: { a: 1 }, output_format: "parquet" });
    const newer = await submitQuery(db, agent);
    const { run, attempt } = await startRunner(db);
    const claimed = await db.sql("select * from public.claim_queries($1, $2, 1)", [run, attempt]);
    expect(claimed).toEqual([
      {
        query_id: older,
        sql: "select $a",
        parameters: { a: 1 },
        output_format: "parquet",
        limits: expect.objectContaining({ seconds: 60 }),
        attempt: 1,
        snapshots: [expect.objectContaining({ version, variant: null })],
      },
    ]);
    expect(await queryOf(db, older)).toMatchObject({ state: "running", run_id: run, started_at: expect.any(Date) });
    expect(await claimQueries(db, { run, attempt })).toEqual([newer]);
    expect(await claimQueries(db, { run, attempt })).toEqual([]);
  });

  test("by two runners at the same time gives each others, and waits for nobody", async () => {
    const [one, two] = [await submitQuery(db, agent), await submitQuery(db, agent)];
    const [left, right] = [await startRunner(db), await startRunner(db)];
    await first.query("begin");
    const { rows } = await first.query("select * from public.claim_queries($1, $2, 1)", [left.run, left.attempt]);
    expect(rows).toMatchObject([{ query_id: one }]);
    expect(await claimQueries(db, right)).toEqual([two]);
    await first.query("commit");
    expect(await queryOf(db, one)).toMatchObject({ run_id: left.run });
  });

  test("gives nothing to an attempt that is not current, nor to a run of another kind", async () => {
    const query = await submitQuery(db, agent);
    const runner = await staleRunner(query);
    expect(await giveBack(runner, [query])).toBe(1);
    expect(await claimQueries(db, runner)).toEqual([]);
    const other = await startRunner(db);
    expect(await claimQueries(db, { ...other, attempt: 2 })).toEqual([]);
    await db.sql("update corral.runs set kind = 'cleanup' where id = $1", [other.run]);
    expect(await claimQueries(db, other)).toEqual([]);
    expect(await queryOf(db, query)).toMatchObject({ state: "pending" });
  });
});

describe("a query that is answered", () => {
  test("has its result, once, on record with its receipt", async () => {
    const call = await admitAgent(db, agent);
    const { query_id: query } = firstOf(
      await db.sql<{ query_id: string }>('select * from public.submit_query($1, \'{"sql": "select 1"}\')', [call]),
    );
    const runner = await startRunner(db);
    await claimQueries(db, runner);
    expect(await complete(runner, query)).toBe("completed");
    expect(await complete(runner, query, { ...RESULT, row_count: 2 })).toBe("completed");
    const reading = await admitAgent(db, agent);
    expect(firstOf(await db.sql("select * from public.get_query($1, $2)", [reading, query]))).toMatchObject({
      status: "completed",
      columns: RESULT.columns,
      preview: RESULT.preview,
      is_cut: false,
      row_count: "1",
      result_object: "results/x.json",
      result_bytes: "10",
      receipt: RESULT.receipt,
      stats: RESULT.stats,
      finished_at: expect.any(Date),
    });
    const record = await db.sql(
      "select details, error_code, rows, bytes, milliseconds >= 0 as took from corral.audit where call_id = $1 and event = 'detail' order by id",
      [call],
    );
    expect(record.slice(1)).toEqual([
      {
        details: { query_id: query, outcome: "completed", receipt: RESULT.receipt, tables: [] },
        error_code: null,
        rows: "1",
        bytes: "10",
        took: true,
      },
    ]);
  });

  test("with a failure has its message, once, on record", async () => {
    const query = await submitQuery(db, agent);
    const runner = await startRunner(db);
    await claimQueries(db, runner);
    expect(await fail(runner, query)).toBe("failed");
    expect(await fail(runner, query)).toBe("failed");
    expect(await complete(runner, query)).toBe("stale");
    const { call_id, ...row } = await queryOf(db, query);
    expect(row).toMatchObject({ state: "failed", error_code: "sql_error", error: "No such column" });
    expect((await detailsOf(db, String(call_id))).slice(1)).toEqual([
      { query_id: query, outcome: "failed", error: "No such column" },
    ]);
  });

  test("by somebody else's runner stays as it is", async () => {
    const query = await submitQuery(db, agent);
    const runner = await startRunner(db);
    expect(await complete(runner, query)).toBe("stale");
    expect(await fail(runner, query)).toBe("stale");
    await claimQueries(db, runner);
    const other = await startRunner(db);
    for (const wrong of [other, { ...runner, attempt: 2 }]) {
      expect(await complete(wrong, query)).toBe("stale");
      expect(await fail(wrong, query)).toBe("stale");
      expect(await giveBack(wrong, [query])).toBe(0);
    }
    expect(await queryOf(db, query)).toMatchObject({ state: "running", run_id: runner.run });
    await complete(runner, query);
    for (const wrong of [other, { ...runner, attempt: 2 }]) {
      expect(await complete(wrong, query)).toBe("stale");
      expect(await fail(wrong, query)).toBe("stale");
      expect(await giveBack(wrong, [query])).toBe(0);
    }
    expect(await fail(runner, query)).toBe("stale");
    expect(await queryOf(db, query)).toMatchObject({ state: "completed" });
    const failed = await submitQuery(db, agent);
    await claimQueries(db, runner);
    await fail(runner, failed);
    for (const wrong of [other, { ...runner, attempt: 2 }]) expect(await fail(wrong, failed)).toBe("stale");
  });
});

describe("what a runner watches", () => {
  test("are those to stop: cancelled, over, not its own, or unknown", async () => {
    const runner = await startRunner(db);
    const mine = await submitQuery(db, agent);
    const done = await submitQuery(db, agent);
    await claimQueries(db, runner);
    await complete(runner, done);
    const waiting = await submitQuery(db, agent);
    const unknown = "00000000-0000-0000-0000-000000000000";
    expect(await watch(runner, [mine, done, waiting, unknown])).toEqual([done, waiting, unknown]);
    expect(await watch({ ...runner, attempt: 2 }, [mine])).toEqual([mine]);
    expect(await watch(await startRunner(db), [mine])).toEqual([mine]);
  });

  test("and what it was given without hearing of it goes back into the queue", async () => {
    const [lost, held] = [await submitQuery(db, agent), await submitQuery(db, agent)];
    const runner = await startRunner(db);
    expect(await claimQueries(db, runner)).toEqual([lost, held]);
    expect(await watch(runner, [held])).toEqual([]);
    expect(await queryOf(db, lost)).toMatchObject({ state: "running" });
    await db.sql("update corral.queries set started_at = started_at - interval '11 seconds' where id = any ($1)", [
      [lost, held],
    ]);
    expect(await watch(runner, [held])).toEqual([]);
    expect(await queryOf(db, lost)).toMatchObject({ state: "pending", attempt: 0, run_id: null });
    expect(await queryOf(db, held)).toMatchObject({ state: "running" });
    expect(await watch(runner, [lost, held])).toEqual([lost]);
  });
});

describe("giving queries back", () => {
  test("puts them in line where they were, as if they had not begun", async () => {
    const older = await submitQuery(db, agent);
    const runner = await startRunner(db);
    await claimQueries(db, runner);
    const newer = await submitQuery(db, agent);
    expect(await giveBack(runner, [older, newer])).toBe(1);
    expect(await queryOf(db, older)).toMatchObject({ state: "pending", run_id: null, attempt: 0, started_at: null });
    const next = await startRunner(db);
    expect(await claimQueries(db, next, 1)).toEqual([older]);
  });
});

describe("leaving", () => {
  test("ends a runner's run when nothing waits", async () => {
    const runner = await startRunner(db);
    expect(await leave(runner)).toBe("left");
    expect(await runRow(runner)).toMatchObject({ state: "succeeded", lease_expires_at: null });
    expect(await leave(runner)).toBe("stale");
  });

  test("is no longer possible once a query waits, and possible again when another has it", async () => {
    const [runner, other] = [await startRunner(db), await startRunner(db)];
    const query = await submitQuery(db, agent);
    expect(await leave(runner)).toBe("stay");
    expect(await runRow(runner)).toMatchObject({ state: "running" });
    expect(await claimQueries(db, other)).toEqual([query]);
    expect(await leave(runner)).toBe("left");
  });

  test("changes nothing for an attempt that is not current", async () => {
    const runner = await startRunner(db);
    expect(await leave({ ...runner, attempt: 2 })).toBe("stale");
    expect(await runRow(runner)).toMatchObject({ state: "running" });
  });

  test("while a query is being submitted waits for it, and stays", async () => {
    const runner = await startRunner(db);
    await first.query("begin");
    await first.query('select * from public.submit_query($1, \'{"sql": "select 1"}\')', [await admitAgent(db, agent)]);
    const second = await startBlocked(db, LEAVE, [runner.run, runner.attempt]);
    await first.query("commit");
    expect(await second.result).toEqual({ outcome: "stay" });
  });

  test("before a query is submitted lets it start another runner", async () => {
    const runner = await startRunner(db);
    await first.query("begin");
    await first.query(LEAVE, [runner.run, runner.attempt]);
    const second = await startBlocked(db, 'select * from public.submit_query($1, \'{"sql": "select 1"}\')', [
      await admitAgent(db, agent),
    ]);
    await first.query("commit");
    await second.result;
    const live = await db.sql("select subject from corral.runs where kind = 'query' and finished_at is null");
    expect(live).toEqual([{ subject: "runner-1" }]);
  });
});

describe("the sweep", () => {
  test("hands a dead runner's query out again twice; one whose third runner dies has failed", async () => {
    const query = await submitQuery(db, agent);
    const dead = await startRunner(db);
    await claimQueries(db, dead);
    await sweep();
    expect(await queryOf(db, query)).toMatchObject({ state: "running" });
    await killContainer(db, dead);
    await sweep();
    expect(await queryOf(db, query)).toMatchObject({ state: "pending", run_id: null, started_at: null, attempt: 1 });
    expect(await complete(dead, query)).toBe("stale");
    for (const attempt of [2, 3]) {
      const next = await startRunner(db);
      expect(await claimQueries(db, next)).toEqual([query]);
      expect(await queryOf(db, query)).toMatchObject({ state: "running", attempt });
      await killContainer(db, next);
      await sweep();
    }
    const { call_id, ...row } = await queryOf(db, query);
    expect(row).toMatchObject({
      state: "failed",
      attempt: 3,
      error_code: "runner_died",
      error: "The query's runner died, three times.",
      finished_at: expect.any(Date),
    });
    expect((await detailsOf(db, String(call_id))).slice(1)).toMatchObject([{ outcome: "failed" }]);
  });

  test("hands out again what a runner held that came back as its next attempt", async () => {
    const query = await submitQuery(db, agent);
    await staleRunner(query);
    await sweep();
    expect(await queryOf(db, query)).toMatchObject({ state: "pending" });
  });

  test("does not wait for a query that somebody holds", async () => {
    const [held, free] = [await submitQuery(db, agent), await submitQuery(db, agent)];
    await staleRunner(held);
    await first.query("begin");
    await first.query("select from corral.queries where id = $1 for update", [held]);
    await sweep();
    expect(await queryOf(db, free)).toMatchObject({ state: "pending" });
    await first.query("commit");
    expect(await queryOf(db, held)).toMatchObject({ state: "running" });
  });

  test("sees to it that somebody runs what waits, and starts nobody where nothing does", async () => {
    await sweep();
    const live = () => db.sql("select subject from corral.runs where kind = 'query' and finished_at is null");
    expect(await live()).toEqual([]);
    await submitQuery(db, agent);
    await db.sql(
      "update corral.runs set state = 'failed', finished_at = corral.now() where kind = 'query' and state = 'queued'",
    );
    await sweep();
    expect(await live()).toEqual([{ subject: "runner-1" }]);
  });

  test("does not wait for a runner that failed and will be tried again later, but calls no more than there may be", async () => {
    await submitQuery(db, agent);
    const postpone = () =>
      db.sql(
        "update corral.runs set run_after = corral.now() + interval '15 minutes' where kind = 'query' and state = 'queued'",
      );
    const live = async () =>
      (
        await db.sql("select subject from corral.runs where kind = 'query' and finished_at is null order by subject")
      ).map(({ subject }) => subject);
    await postpone();
    await sweep();
    expect(await live()).toEqual(["runner-1", "runner-2"]);
    await postpone();
    await sweep();
    expect(await live()).toEqual(["runner-1", "runner-2"]);
  });
});
