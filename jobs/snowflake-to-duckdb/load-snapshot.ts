import { rm, stat } from "node:fs/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import { quoteName } from "../../shared/quote-sql.ts";
import { parquetSql } from "./staged-sql.ts";
import type { StoredColumn } from "./stored-columns.ts";

export interface LoadOptions {
  connection: DuckDBConnection;
  /** The table that is made, as it stands in SQL. */
  table: string;
  columns: StoredColumn[];
  /** Parquet files; each is deleted once it is in the table. */
  files: string[];
  signal: AbortSignal;
  onRows: (count: number) => void;
  onBytes: (count: number) => void;
}

/** So much at a time: DuckDB reads files side by side, and the disk holds the rest only once. */
const BATCH_BYTES = 512 * 1024 ** 2;

/** Makes a table of staged rows, in any order, as Snowflake's have none; resolves to how many it has. */
export async function loadStaged(options: LoadOptions): Promise<number> {
  const { connection, table, columns, files, signal, onRows, onBytes } = options;
  const fields = columns.map(({ name, type }) => `${quoteName(name)} ${type}`);
  await connection.run(`CREATE TABLE ${table} (${fields.join(", ")})`);
  const values = columns.map(({ sql }) => sql).join(",\n");
  let rows = 0;
  // Each thread then writes groups of rows as it fills them; to keep the order takes a third more of the processor.
  await connection.run("SET preserve_insertion_order = false");
  for await (const { batch, bytes } of inBatches(files)) {
    signal.throwIfAborted();
    const result = await connection.run(`INSERT INTO ${table} SELECT ${values} FROM ${parquetSql(batch)}`);
    rows += result.rowsChanged;
    onRows(result.rowsChanged);
    onBytes(bytes);
    for (const file of batch) await rm(file);
  }
  await connection.run("RESET preserve_insertion_order");
  return rows;
}

async function* inBatches(files: string[]): AsyncGenerator<{ batch: string[]; bytes: number }> {
  let batch: string[] = [];
  let bytes = 0;
  for (const file of files) {
    batch.push(file);
    bytes += (await stat(file)).size;
    if (bytes < BATCH_BYTES) continue;
    yield { batch, bytes };
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield { batch, bytes };
}
