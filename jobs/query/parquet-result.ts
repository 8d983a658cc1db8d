import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBValue } from "@duckdb/node-api";
import { quoteName, quoteText } from "../../shared/quote-sql.ts";
import { askDuckdbOnce, runDuckdb } from "../snapshot/ask-duckdb.ts";
import { openDuckdb } from "../snapshot/open-duckdb.ts";
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
/** Of a value that is told of. */
const SHOWN_CHARS = 80;
/** Types whose values are written as DuckDB reads them, and whose meaning Parquet has. */
const KEPT =
  /^(BOOLEAN|U?(TINYINT|SMALLINT|INTEGER|BIGINT)|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)|DATE|TIME|TIMESTAMP(_MS|_NS)?|TIMESTAMP WITH TIME ZONE|UUID)$/;

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
    if (!isConversionError(error)) throw toFailure(error);
    const sql = misfitsSql(columns, conversion);
    throw toMisfit(columns, await askDuckdbOnce(duckdb.connection, sql, signal), error);
  } finally {
    await duckdb.close();
  }
}

function copySql(columns: readonly Column[], conversion: Conversion): string {
  const select = columns.map(
    ({ name, type }, index) => `${castSql(quoteName(String(index)), type)} AS ${quoteName(name)}`,
  );
  const rows = `SELECT ${select.join(", ")} FROM ${readSql(columns, conversion)}`;
  return `COPY (${rows}) TO ${quoteText(conversion.to)} (FORMAT parquet, COMPRESSION zstd)`;
}

/** Of each column a value that its type in Parquet cannot hold. */
function misfitsSql(columns: readonly Column[], conversion: Conversion): string {
  const misfits = columns.map(({ type }, index) => {
    const column = quoteName(String(index));
    return `any_value(CASE WHEN TRY(${castSql(column, type)}) IS NULL THEN ${column} END)`;
  });
  return `SELECT ${misfits.join(", ")} FROM ${readSql(columns, conversion)}`;
}

function readSql(columns: readonly Column[], { from, longestLine }: Conversion): string {
  const names = columns.map((_, index) => `${quoteText(String(index))}: 'VARCHAR'`);
  const size = Math.max(MIN_OBJECT_BYTES, 2 * longestLine);
  return `read_json(${quoteText(from)}, format = 'newline_delimited', columns = {${names.join(", ")}}, maximum_object_size = ${size})`;
}

function castSql(column: string, type: string): string {
  if (type === "BLOB") return `from_base64(${column})`;
  if (type === "HUGEINT") return `CAST(${column} AS DECIMAL(38,0))`;
  if (type === "JSON") return `CAST(${column} AS JSON)`;
  // Parquet has no seconds: they become microseconds, in which DuckDB refuses to write an infinity.
  if (type === "TIMESTAMP_S") return `CAST(${column} AS TIMESTAMP)`;
  return KEPT.test(type) ? `CAST(${column} AS ${type})` : column;
}

function isConversionError(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("Conversion Error");
}

function toFailure(error: unknown): unknown {
  const message = error instanceof Error ? error.message : String(error);
  if (/^Out of Memory Error|bad_alloc/i.test(message))
    return new QueryFailure(
      "query_memory",
      "To make the result a Parquet file needs more memory than the query may have. Select less, or ask for CSV or JSON.",
    );
  return error;
}

/** DuckDB's own words are about SQL that nobody else knows. */
function toMisfit(columns: readonly Column[], values: readonly DuckDBValue[], cause: unknown): unknown {
  const index = values.findIndex((value) => value !== null);
  const column = columns[index];
  if (column === undefined) return cause;
  const value = String(values[index]);
  const shown = value.length > SHOWN_CHARS ? `${value.slice(0, SHOWN_CHARS)}…` : value;
  return new QueryFailure(
    "sql_error",
    `Parquet cannot hold the value ${shown} of the column ${quoteName(column.name)}, a ${column.type}. ` +
      "Cast it to VARCHAR or DOUBLE in the query, or ask for CSV or JSON.",
    { cause },
  );
}
