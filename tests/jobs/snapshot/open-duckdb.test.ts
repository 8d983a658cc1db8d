import { readdir, readFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openScratch, type Scratch } from "./open-scratch.ts";

let scratch: Scratch;
beforeEach(async () => {
  scratch = await openScratch();
});
afterEach(() => scratch.close());

const settingsOf = async (names: string[]) => {
  const { connection } = await scratch.open(null);
  const list = names.map((name) => `'${name}'`).join(", ");
  const rows = await connection.runAndReadAll(`SELECT name, value FROM duckdb_settings() WHERE name IN (${list})`);
  return Object.fromEntries(rows.getRows().map(([name, value]) => [String(name), value]));
};

test("memory, threads and the scratch folder are bounded, and nothing is loaded from the network", async () => {
  expect(
    await settingsOf([
      "threads",
      "memory_limit",
      "temp_directory",
      "autoinstall_known_extensions",
      "autoload_known_extensions",
    ]),
  ).toEqual({
    ...{ threads: "2", memory_limit: "244.1 MiB", temp_directory: scratch.scratchDir },
    ...{ autoinstall_known_extensions: "false", autoload_known_extensions: "false" },
  });
});

test("what the jobs need is built in: JSON, Parquet and time zones", async () => {
  const { connection } = await scratch.open(null);
  await connection.run(`COPY (SELECT '{"a": 1}'::JSON AS j) TO '${scratch.path("x.parquet")}' (FORMAT parquet)`);
  const rows = await connection.runAndReadAll(
    `SELECT j->>'a', TIMESTAMPTZ '2020-07-01 00:00:00+02' AT TIME ZONE 'UTC' FROM '${scratch.path("x.parquet")}'`,
  );
  expect(rows.getRowsJson()).toEqual([["1", "2020-06-30 22:00:00"]]);
});

test("a file that was closed is whole: no WAL is beside it, and it says a version that the oldest reader knows", async () => {
  const written = await scratch.open("table.duckdb");
  await written.connection.run("CREATE TABLE data AS SELECT range AS id FROM range(100000)");
  await written.close();
  expect((await readdir(scratch.dir)).sort()).toEqual(["scratch", "table.duckdb"]);
  const header = await readFile(scratch.path("table.duckdb"));
  // The magic bytes and the storage version, which was 64 up to DuckDB 1.1.
  expect(header.subarray(8, 12).toString()).toBe("DUCK");
  expect(header.readBigUInt64LE(12)).toBe(64n);
  const read = await scratch.open("table.duckdb", { readOnly: true });
  expect((await read.connection.runAndReadAll("SELECT count(*), sum(id) FROM data")).getRowsJson()).toEqual([
    ["100000", "4999950000"],
  ]);
  await expect(read.connection.run("DELETE FROM data")).rejects.toThrow("read-only");
});

test("other files are attached read-only under a name, also one that is odd", async () => {
  const base = await scratch.open("it's.duckdb");
  await base.connection.run("CREATE TABLE data AS SELECT 42 AS answer");
  await base.close();
  const duckdb = await scratch.open("table.duckdb");
  await duckdb.attach(scratch.path("it's.duckdb"), 'pre"vious');
  await duckdb.connection.run('CREATE TABLE data AS FROM "pre""vious".main.data');
  await expect(duckdb.connection.run('DROP TABLE "pre""vious".main.data')).rejects.toThrow("read-only");
});
