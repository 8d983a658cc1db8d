import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { runDuckdb } from "../snapshot/ask-duckdb.ts";
import { openDuckdb } from "../snapshot/open-duckdb.ts";
import { quoteName, quoteText } from "../snapshot/quote-sql.ts";
import type { Column } from "./messages.ts";
import { spoolLines } from "./parquet-spool.ts";
import { QueryFailure } from "./query-failure.ts";
import { Turns } from "./turns.ts";

export interface ParquetOptions {
  columns: readonly Column[];
  /** Its files are named after the query. */
  scratchDir: string;
  name: string;
  /** Of the Parquet file. */
  maxBytes: number;
  /** Of the rows as text, whatever the file may be. */
  maxSpoolBytes: number;
  memoryMb: number;
  threads: number;
  /** Waits for a turn, at the cost of nobody's time. */
  takeTurn: (turns: Turns) => Promise<() => void>;
  signal: AbortSignal;
}

/** Rows as text are so many times larger than as Parquet, at most, before they count as too large. */
const TEXT_FACTOR = 4;
const MIN_OBJECT_BYTES = 1024 * 1024;
/** The disk, and the runner's own memory, are for one at a time; taken in this order. */
const SPOOLING = new Turns();
const CONVERTING = new Turns();
/** Types whose values are written as DuckDB reads them, and whose meaning Parquet has. */
const KEPT =
  /^(BOOLEAN|U?(TINYINT|SMALLINT|INTEGER|BIGINT)|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)|DATE|TIME|TIMESTAMP(_S|_MS|_NS)?|TIMESTAMP WITH TIME ZONE|UUID)$/;

/**
 * The Parquet file of rows that come as lines of JSON with the columns' positions for keys. Exact: what Parquet has no
 * type for (lists and structs as JSON, intervals, enums, bits) stays text; a HUGEINT, which is what a sum of integers
 * is, becomes a DECIMAL(38,0).
 */
export async function* toParquet(lines: AsyncIterable<Buffer>, options: ParquetOptions): AsyncGenerator<Buffer> {
  const { scratchDir, name, maxBytes, maxSpoolBytes, takeTurn } = options;
  const from = join(scratchDir, `${name}.jsonl`);
  const to = join(scratchDir, `${name}.parquet`);
  let letSpool = () => {};
  try {
    const longestLine = await spoolLines(lines, {
      path: from,
      maxBytes: Math.min(maxBytes * TEXT_FACTOR, maxSpoolBytes),
      async onLarge() {
        letSpool = await takeTurn(SPOOLING);
      },
    });
    const letConvert = await takeTurn(CONVERTING);
    try {
      await convert({ from, to, longestLine }, options);
    } finally {
      letConvert();
    }
    await rm(from);
    yield* createReadStream(to);
  } finally {
    await Promise.all([from, to].map((path) => rm(path, { force: true })));
    letSpool();
  }
}

interface Conversion {
  from: string;
  to: string;
  /** DuckDB sets aside as much. */
  longestLine: number;
}

async function convert(
  conversion: Conversion,
  { columns, scratchDir, memoryMb, threads, signal }: ParquetOptions,
): Promise<void> {
  const duckdb = await openDuckdb({ path: null, scratchDir, memoryMb, threads });
  try {
    await runDuckdb(duckdb.connection, copySql(columns, conversion), signal);
  } catch (error) {
    signal.throwIfAborted();
    throw toFailure(error);
  } finally {
    await duckdb.close();
  }
}

function copySql(columns: readonly Column[], { from, to, longestLine }: Conversion): string {
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
  if (/^Out of Memory Error|bad_alloc/i.test(message))
    return new QueryFailure(
      "query_memory",
      "To make the result a Parquet file needs more memory than the query may have. Select less, or ask for CSV or JSON.",
    );
  if (!message.startsWith("Conversion Error")) return error;
  return new QueryFailure(
    "sql_error",
    `Parquet cannot hold one of the values. Cast its column to VARCHAR or DOUBLE, or ask for CSV or JSON. ${message}`,
  );
}
