import { setImmediate as nextTurn } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { askDuckdb, askDuckdbOnce, runDuckdb } from "../../../jobs/snapshot/ask-duckdb.ts";
import type { OpenDuckdb } from "../../../jobs/snapshot/open-duckdb.ts";
import { openScratch, type Scratch, UNSTOPPED } from "./open-scratch.ts";

let scratch: Scratch;
let duckdb: OpenDuckdb;
beforeAll(async () => {
  scratch = await openScratch();
  duckdb = await scratch.open(null);
});
afterAll(() => scratch.close());

const ENDLESS = "SELECT sum(hash(i)) FROM range(1000000000000) AS rows(i)";

test.each([
  ["before it has begun", async () => undefined],
  ["while it runs", () => nextTurn()],
])("a statement ends when its signal does, %s, and the connection works on", async (_when, wait) => {
  const stop = new AbortController();
  const reason = new Error("enough");
  const asked = expect(askDuckdb(duckdb.connection, ENDLESS, stop.signal)).rejects.toBe(reason);
  await wait();
  stop.abort(reason);
  await asked;
  expect(await askDuckdb(duckdb.connection, "SELECT 1, 'a'", UNSTOPPED)).toEqual([[1, "a"]]);
});

test("a statement does not begin once its signal has ended", async () => {
  await expect(runDuckdb(duckdb.connection, "CREATE TABLE begun (i INT)", AbortSignal.abort())).rejects.toThrow(
    "aborted",
  );
  expect(await askDuckdbOnce(duckdb.connection, "SELECT count(*) FROM duckdb_tables()", UNSTOPPED)).toEqual([0n]);
});

test("DuckDB's own errors stay what they are", async () => {
  await expect(askDuckdb(duckdb.connection, "SELECT nothing", UNSTOPPED)).rejects.toThrow(
    'Referenced column "nothing"',
  );
});
