import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { ChildPool, type HeldTables, MAX_HELD_BYTES } from "../../../jobs/query/child-pool.ts";
import type { QueryChild } from "../../../jobs/query/child-process.ts";
import { openDuckdb } from "../../../jobs/snapshot/open-duckdb.ts";
import { type QueryScene, startQueryScene } from "./start-query-scene.ts";

const LIMITS = { memoryMb: 512, cpuSeconds: 60 };
const GRANT = { schema: "S", table: "T" };
const RUN = { ask: "run", parameters: null, format: "json", memoryMb: 256, threads: 1 } as const;

let scene: QueryScene;
let dir: string;
let one: string;
let other: string;
let pool: ChildPool;
let lines: string[];

beforeAll(async () => {
  scene = await startQueryScene();
  dir = await mkdtemp(join(tmpdir(), "corral-pool-"));
  one = await makeFile("one", "SELECT 1 AS a FROM range(300000)");
  other = await makeFile("other", "SELECT 2 AS b");
});
afterAll(async () => {
  await scene?.close();
  await rm(dir, { recursive: true });
});
beforeEach(() => {
  lines = [];
  const log = (line: string) => void lines.push(line);
  const options = { file: scene.childFile, scratchDir: scene.scratchDir, ...LIMITS };
  pool = new ChildPool({ ...options, size: 2, holders: 1, startsAtOnce: 2, log });
});
afterEach(() => pool.close());

async function makeFile(name: string, select: string): Promise<string> {
  const path = join(dir, `${name}.duckdb`);
  const duckdb = await openDuckdb({ path, scratchDir: dir, memoryMb: 512, threads: 1 });
  await duckdb.connection.run(`CREATE TABLE data AS ${select}`);
  await duckdb.close();
  return path;
}

const tables = (key: string, file: string, bytes = 1): HeldTables => ({ keys: [key], files: [file], bytes });

/** A child that holds what is anticipated: one is prepared while nobody takes any. */
async function takeHolder(granted: string[]): Promise<QueryChild> {
  await expect.poll(() => pool.holding, { timeout: 50_000 }).toBe(1);
  return pool.take(new Set(granted));
}

async function ask(child: QueryChild, sql: string, file: string): Promise<string> {
  child.ask({ ask: "judge", sql, grants: [GRANT] });
  await child.expect("reads");
  child.ask({ ...RUN, files: [file] });
  await child.expect("columns");
  let text = "";
  for (let next = await child.next(); next.tell === "rows"; next = await child.next()) text += next.text.toString();
  return text.replaceAll("\n", "");
}

test("a child holds the tables that were read last, and answers from them", async () => {
  pool.anticipate(tables("one", one));
  const child = await takeHolder(["one", "other"]);
  expect(child.holds).toEqual([one]);
  expect(await ask(child, "SELECT sum(a)::INT AS sum FROM t", one)).toBe('[{"sum":300000}]');
  pool.end(child);
});

test("what a child holds is out of reach for a query that reads another table", async () => {
  pool.anticipate(tables("one", one));
  const child = await takeHolder(["one", "other"]);
  expect(await ask(child, "SELECT * FROM t", other)).toBe('[{"b":2}]');
  pool.end(child);
});

test("a child that holds a table is not for a query that may not see it", async () => {
  pool.anticipate(tables("one", one));
  await expect.poll(() => pool.holding, { timeout: 50_000 }).toBe(1);
  for (let turn = 0; turn < 3; turn++) {
    const child = await pool.take(new Set(["other"]));
    expect([pool.holding, child.holds]).toEqual([1, []]);
    pool.end(child);
  }
});

test("children that hold a table end when it is forgotten, and no other will hold it", async () => {
  pool.anticipate(tables("one", one));
  await expect.poll(() => pool.holding, { timeout: 50_000 }).toBe(1);
  pool.forget("one");
  expect(pool.holding).toBe(0);
  pool.anticipate(tables("other", other));
  const child = await takeHolder(["one", "other"]);
  expect(child.holds).toEqual([other]);
  pool.end(child);
});

test("large tables are held by nobody, and a file that cannot be held is no harm", async () => {
  pool.anticipate(tables("large", one, MAX_HELD_BYTES + 1));
  pool.anticipate(tables("gone", join(dir, "gone.duckdb")));
  await expect.poll(() => lines, { timeout: 50_000 }).toHaveLength(1);
  expect(lines).toEqual([expect.stringMatching(/^a child cannot hold tables: .*gone\.duckdb/s)]);
  const child = await pool.take(new Set(["large", "gone"]));
  expect([child.holds, await ask(child, "SELECT * FROM t", other)]).toEqual([[], '[{"b":2}]']);
  pool.end(child);
});
