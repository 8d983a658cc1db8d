import { promisify } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";
import snowflake from "snowflake-sdk";
import { z } from "zod";
import { peakMemory } from "../peak-memory.ts";

// What the reference backend does, in a process of its own: all rows into memory, then batches of INSERT.
const task = z
  .object({
    url: z.string(),
    account: z.string(),
    user: z.string(),
    password: z.string(),
    table: z.string(),
    file: z.string(),
  })
  .parse(JSON.parse(process.argv[2] ?? ""));
const BATCH = 1000;

snowflake.configure({ logLevel: "OFF", additionalLogToConsole: false });
const startedAt = performance.now();
const connection = snowflake.createConnection({
  accessUrl: task.url,
  account: task.account,
  username: task.user,
  password: task.password,
  database: "CORRAL",
  schema: "PUBLIC",
});
await promisify(connection.connect).call(connection);
const rows = await new Promise<Record<string, unknown>[]>((resolve, reject) => {
  connection.execute({
    sqlText: `SELECT * FROM ${task.table}`,
    complete: (error, _statement, all) => (error ? reject(error) : resolve(all ?? [])),
  });
});
const instance = await DuckDBInstance.create(task.file, { threads: "2" });
const duckdb = await instance.connect();
await duckdb.run(
  "CREATE TABLE data (DATE TIMESTAMP, DELAY BIGINT, DISTANCE BIGINT, ORIGIN VARCHAR, DESTINATION VARCHAR)",
);
const literal = (value: unknown) => {
  if (value === null || value === undefined) return "NULL";
  if (typeof value === "number") return String(value);
  const text = value instanceof Date ? value.toISOString().slice(0, -1) : String(value);
  return `'${text.replaceAll("'", "''")}'`;
};
for (let start = 0; start < rows.length; start += BATCH) {
  const values = rows.slice(start, start + BATCH).map((row) => `(${Object.values(row).map(literal).join(",")})`);
  await duckdb.run(`INSERT INTO data VALUES ${values.join(",")}`);
}
duckdb.closeSync();
instance.closeSync();
const seconds = (performance.now() - startedAt) / 1000;
process.stdout.write(`${JSON.stringify({ rows: rows.length, seconds, peak_bytes: peakMemory() })}\n`);
process.exit();
