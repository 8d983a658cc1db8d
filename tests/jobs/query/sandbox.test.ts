import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Sandbox } from "../../../jobs/query/sandbox.ts";
import { openDuckdb } from "../../../jobs/snapshot/open-duckdb.ts";

const LIMITS = { memoryMb: 256, threads: 1 };
const ATTACHED =
  "SELECT count(*)::INT AS count, any_value(path) AS path FROM duckdb_databases() WHERE path IS NOT NULL";

let dir: string;
let one: string;
let other: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "corral-sandbox-"));
  one = await makeFile("one", "SELECT 1 AS a FROM range(300000)");
  other = await makeFile("other", "SELECT 2 AS rowid");
});
afterAll(() => rm(dir, { recursive: true }));

async function makeFile(name: string, select: string): Promise<string> {
  const path = join(dir, `${name}.duckdb`);
  const duckdb = await openDuckdb({ path, scratchDir: dir, memoryMb: 512, threads: 1 });
  await duckdb.connection.run(`CREATE TABLE data AS ${select}`);
  await duckdb.close();
  return path;
}

const attachment = (file: string) => ({ schema: "S", table: "T", schemas: ["main", "S"], file });

async function rowsOf(sandbox: Sandbox, sql: string): Promise<unknown[]> {
  const result = await sandbox.run(sql, null);
  return result.getRows();
}

test("a sandbox has nothing attached but what the query reads, whatever it held before", async () => {
  const sandbox = await Sandbox.open();
  await sandbox.hold(one);
  await sandbox.hold(other);
  await sandbox.close([attachment(other)], LIMITS);
  expect(await rowsOf(sandbox, ATTACHED)).toEqual([[1, other]]);
  expect(await rowsOf(sandbox, "FROM s.t")).toEqual([[2]]);
  await expect(sandbox.run("FROM snapshot_0.main.data", null)).rejects.toThrow(/"snapshot_0" does not exist/);
});

test("a file that is held is attached once, and one that is not held comes beside it", async () => {
  const sandbox = await Sandbox.open();
  await sandbox.hold(one);
  await sandbox.close([attachment(one), { ...attachment(other), table: "U" }], LIMITS);
  expect(await rowsOf(sandbox, "SELECT (SELECT count(*)::INT FROM t), (FROM u)")).toEqual([[300_000, 2]]);
});

test("of a file that is loaded a few rows of each of its pieces come out, if they can be picked", async () => {
  const sandbox = await Sandbox.open();
  await sandbox.hold(one);
  expect(await (await sandbox.load(one)).getRows()).toHaveLength(3 * 40);
  await sandbox.hold(other);
  expect(await (await sandbox.load(other)).getRows()).toEqual([[2]]);
});

test("a closed sandbox attaches and detaches nothing more", async () => {
  const sandbox = await Sandbox.open();
  await sandbox.close([attachment(one)], LIMITS);
  await expect(sandbox.hold(other)).rejects.toThrow(/Permission Error|disabled/);
});
