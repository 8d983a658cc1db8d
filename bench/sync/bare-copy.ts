import { DuckDBInstance } from "@duckdb/node-api";
import { z } from "zod";

// DuckDB's own copy from Parquet into a file of its own, checkpoint included, in a process of its own, as a sync is.
const { parquet, file, threads } = z
  .object({ parquet: z.string(), file: z.string(), threads: z.number() })
  .parse(JSON.parse(process.argv[2] ?? ""));
const instance = await DuckDBInstance.create(file, { threads: String(threads) });
const connection = await instance.connect();
const startedAt = performance.now();
await connection.run(`CREATE TABLE data AS FROM read_parquet('${parquet}')`);
await connection.run("CHECKPOINT");
const seconds = (performance.now() - startedAt) / 1000;
connection.closeSync();
instance.closeSync();
process.stdout.write(`${JSON.stringify({ seconds })}\n`);
process.exit();
