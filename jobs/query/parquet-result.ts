import { createReadStream } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { openDuckdb } from "../snapshot/open-duckdb.ts";
import { quoteName, quoteText } from "../snapshot/quote-sql.ts";
import type { Column } from "./messages.ts";
import { QueryFailure } from "./query-failure.ts";
import { tooManyBytes } from "./store-result.ts";

export interface ParquetOptions {
  columns: readonly Column[];
  /** Its files are named after the query. */
  scratchDir: string;
  name: string;
  maxBytes: number;
  memoryMb: number;
  threads: number;
}

/** Rows as text are so many times larger than as Parquet, at most, before they count as too large. */
const TEXT_FACTOR = 16;
const MIN_OBJECT_BYTES = 1024 * 1024;
/** Types whose values are written as DuckDB reads them, and whose meaning Parquet has. */
const KEPT =
  /^(BOOLEAN|U?(TINYINT|SMALLINT|INTEGER|BIGINT)|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)|DATE|TIME|TIMESTAMP(_S|_MS|_NS)?|TIMESTAMP WITH TIME ZONE|UUID)$/;

/**
 * The Parquet file of rows that come as lines of JSON with the columns' positions for keys. Exact: what Parquet has no
 * type for (lists and structs as JSON, intervals, enums, bits) stays text; a HUGEINT, which is what a sum of integers
 * is, becomes a DECIMAL(38,0).
 */
export async function* toParquet(lines: AsyncIterable<Buffer>, options: ParquetOptions): AsyncGenerator<Buffer> {
  const { scratchDir, name, maxBytes, memoryMb, threads } = options;
  const from = join(scratchDir, `${name}.jsonl`);
  const to = join(scratchDir, `${name}.parquet`);
  try {
    const longestLine = await write(from, lines, maxBytes);
    const duckdb = await openDuckdb({ path: null, scratchDir, memoryMb, threads });
    try {
      await duckdb.connection.run(copySql(options.columns, { from, to, longestLine }));
    } catch (error) {
      throw toFailure(error);
    } finally {
      await duckdb.close();
    }
    yield* createReadStream(to);
  } finally {
    await Promise.all([from, to].map((path) => rm(path, { force: true })));
  }
}

/** Resolves to the length of the longest line: DuckDB sets aside as much. */
async function write(path: string, lines: AsyncIterable<Buffer>, maxBytes: number): Promise<number> {
  const file = await open(path, "w");
  try {
    let bytes = 0;
    let longest = 0;
    for await (const chunk of lines) {
      bytes += chunk.length;
      if (bytes > maxBytes * TEXT_FACTOR) throw tooManyBytes(maxBytes);
      longest = Math.max(longest, longestOf(chunk));
      await file.write(chunk);
    }
    return longest;
  } finally {
    await file.close();
  }
}

function longestOf(lines: Buffer): number {
  let longest = 0;
  for (let start = 0, end = lines.indexOf(0x0a); end >= 0; start = end + 1, end = lines.indexOf(0x0a, start))
    longest = Math.max(longest, end - start);
  return longest;
}

function copySql(
  columns: readonly Column[],
  { from, to, longestLine }: { from: string; to: string; longestLine: number },
): string {
  const read = columns.map((_, index) => `${quoteText(String(index))}: 'VARCHAR'`);
  const select = columns.map(
    ({ name, type }, index) => `${castSql(quoteName(String(index)), type)} AS ${quoteName(name)}`,
  );
  const size = Math.max(MIN_OBJECT_BYTES, 2 * longestLine);
  return `COPY (
    SELECT ${select.join(", ")} FROM read_json(${quoteText(from)}, format = 'newline_delimited',
      columns = {${read.join(", ")}}, maximum_object_size = ${size})
  ) TO ${quoteText(to)} (FORMAT parquet, COMPRESSION zstd)`;
}

function castSql(column: string, type: string): string {
  if (type === "BLOB") return `from_base64(${column})`;
  if (type === "HUGEINT") return `CAST(${column} AS DECIMAL(38,0))`;
  if (type === "JSON") return `CAST(${column} AS JSON)`;
  return KEPT.test(type) ? `CAST(${column} AS ${type})` : column;
}

function toFailure(error: unknown): unknown {
  const message = error instanceof Error ? error.message : String(error);
  if (!message.startsWith("Conversion Error")) return error;
  return new QueryFailure(
    "sql_error",
    `Parquet cannot hold one of the values. Cast its column to VARCHAR or DOUBLE, or ask for CSV or JSON. ${message}`,
  );
}
