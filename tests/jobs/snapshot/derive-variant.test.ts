import { readdir, readFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type DeriveVariantOptions, deriveVariant } from "../../../jobs/snapshot/derive-variant.ts";
import { openScratch, type Scratch, UNSTOPPED } from "./open-scratch.ts";

let scratch: Scratch;
beforeEach(async () => {
  scratch = await openScratch();
  const duckdb = await scratch.open("table.duckdb");
  await duckdb.connection.run(`CREATE TABLE data AS
    SELECT i AS id, 'secret-' || md5(i::VARCHAR) AS "Secret", CASE WHEN i % 2 = 0 THEN 'private-' || i END AS mail, i * 1.5 AS pay
    FROM range(5000) AS rows(i)`);
  await duckdb.close();
});
afterEach(() => scratch.close());

const derive = (options: Partial<DeriveVariantOptions>) =>
  deriveVariant({
    ...{ from: scratch.path("table.duckdb"), to: scratch.path("variant.duckdb"), scratchDir: scratch.scratchDir },
    ...{ memoryMb: 256, threads: 2, hidden: [], masked: [], signal: UNSTOPPED, ...options },
  });

test("hidden columns are gone, and masked ones tell only where a value is", async () => {
  const { bytes } = await derive({ hidden: ["SECRET"], masked: ["mail", "pay"] });
  const file = await readFile(scratch.path("variant.duckdb"));
  expect(file.length).toBe(bytes);
  const { connection } = await scratch.open("variant.duckdb", { readOnly: true });
  expect((await connection.runAndReadAll("DESCRIBE data")).getRows().map(([name, type]) => [name, type])).toEqual([
    ["id", "BIGINT"],
    ["mail", "VARCHAR"],
    ["pay", "VARCHAR"],
  ]);
  expect((await connection.runAndReadAll("SELECT * FROM data LIMIT 3")).getRowsJson()).toEqual([
    ["0", "***", "***"],
    ["1", null, "***"],
    ["2", "***", "***"],
  ]);
  expect((await connection.runAndReadAll("SELECT count(*), count(mail) FROM data")).getRowsJson()).toEqual([
    ["5000", "2500"],
  ]);
});

test("no byte of what is hidden or masked is anywhere in the file", async () => {
  const before = await readFile(scratch.path("table.duckdb"));
  expect([before.includes("secret-"), before.includes("private-"), before.includes("Secret")]).toEqual([
    true,
    true,
    true,
  ]);
  await derive({ hidden: ["Secret"], masked: ["mail"] });
  const after = await readFile(scratch.path("variant.duckdb"));
  expect([after.includes("secret-"), after.includes("private-"), after.includes("Secret")]).toEqual([
    false,
    false,
    false,
  ]);
});

test("a variant without any column is refused, and nothing is left behind", async () => {
  await expect(derive({ hidden: ["id", "secret", "mail", "pay"] })).rejects.toMatchObject({ code: "invalid_columns" });
  expect((await readdir(scratch.dir)).sort()).toEqual(["scratch", "table.duckdb"]);
});

test("what was begun and interrupted is made anew", async () => {
  await expect(derive({ signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
  expect((await readdir(scratch.dir)).sort()).toEqual(["scratch", "table.duckdb"]);
  await derive({ masked: ["mail"] });
  expect((await readdir(scratch.dir)).sort()).toEqual(["scratch", "table.duckdb", "variant.duckdb"]);
});
