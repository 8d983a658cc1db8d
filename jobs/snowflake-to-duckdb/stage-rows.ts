import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { quoteName, quoteText } from "../../shared/quote-sql.ts";
import type { SnowflakeSession } from "../snowflake/connect-snowflake.ts";
import { readSql, type StagedColumn } from "../snowflake/sql.ts";
import type { StagedRows, StageOptions } from "./staged-rows.ts";

export interface StageByRowsOptions extends StageOptions {
  session: SnowflakeSession;
  connection: DuckDBConnection;
  /** How many rows go into a file, unless its bytes are many. */
  batchRows: number;
}

const BATCH_BYTES = 64 * 1024 ** 2;
const BLOCK_CHARS = 256 * 1024;

/**
 * Brings rows through the driver into Parquet files like those that Snowflake unloads, with memory for one batch's way:
 * each is written as a line with an array of JSON, which DuckDB reads faster than anything else that Node can write.
 */
export async function stageByRows(options: StageByRowsOptions): Promise<StagedRows> {
  const { session, relation, columns, dir, name, batchRows, signal, onRows, onBytes } = options;
  const staged: StagedRows = { files: [], rows: 0, bytes: 0 };
  let batch: Batch | undefined;
  let batches = 0;
  let finishing: Promise<void> = Promise.resolve();
  let converting: Promise<void> = Promise.resolve();

  async function convert(done: Batch): Promise<void> {
    const { rows, bytes, longest } = await done.finish();
    // One at a time: the next batch is written meanwhile.
    await converting;
    signal.throwIfAborted();
    const file = done.path.replace(/\.json$/, ".parquet");
    converting = toParquet(options, done.path, file, longest).then(() => {
      staged.files.push(file);
      staged.rows += rows;
      staged.bytes += bytes;
    });
    // Awaited with the next batch; until then nobody listens.
    converting.catch(() => undefined);
  }

  function finishBatch(done: Batch): Promise<void> {
    batch = undefined;
    onRows(done.rows);
    onBytes(done.bytes);
    finishing = convert(done);
    return finishing;
  }

  try {
    await session.each(readSql(relation, columns, true), "read the rows", (row) => {
      batch ??= new Batch(join(dir, `${name}-${batches++}.json`));
      const wait = batch.add(`${JSON.stringify(row)}\n`);
      return batch.rows < batchRows && batch.bytes < BATCH_BYTES ? wait : finishBatch(batch);
    });
    if (batch !== undefined) await finishBatch(batch);
    // The end of the rows does not wait for a batch that the last of them filled.
    await finishing;
    await converting;
    return staged;
  } finally {
    // The folder is going to be removed.
    await finishing.catch(() => undefined);
    await converting.catch(() => undefined);
    await batch?.finish();
  }
}

/** A file of rows that are written one by one. */
class Batch {
  readonly path: string;
  readonly #stream;
  rows = 0;
  bytes = 0;
  #block = "";
  #longest = 0;
  #failure: unknown;

  constructor(path: string) {
    this.path = path;
    this.#stream = createWriteStream(path);
    this.#stream.on("error", (error) => {
      this.#failure = error;
    });
  }

  /** Resolves when more may come; undefined when it may at once. */
  add(line: string): Promise<unknown> | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    this.rows++;
    this.bytes += line.length;
    if (line.length > this.#longest) this.#longest = line.length;
    this.#block += line;
    if (this.#block.length < BLOCK_CHARS) return undefined;
    const block = this.#block;
    this.#block = "";
    return this.#stream.write(block) ? undefined : once(this.#stream, "drain");
  }

  async finish(): Promise<{ rows: number; bytes: number; longest: number }> {
    if (!this.#stream.closed) {
      this.#stream.end(this.#block);
      await once(this.#stream, "close");
    }
    if (this.#failure !== undefined) throw this.#failure;
    return { rows: this.rows, bytes: this.bytes, longest: this.#longest };
  }
}

/** The reader's buffers are twice as large as the longest object that it is told of, which are characters of up to 3 bytes. */
const MIN_OBJECT_BYTES = 1024 ** 2;

async function toParquet(
  { connection, columns }: StageByRowsOptions,
  from: string,
  to: string,
  longest: number,
): Promise<void> {
  const values = columns.map((column, at) => `${typedSql(column, `cells[${at + 1}]`)} AS ${quoteName(column.name)}`);
  const size = Math.max(MIN_OBJECT_BYTES, longest * 3 + 16);
  await connection.run(`COPY (SELECT ${values.join(", ")} FROM read_json(${quoteText(from)},
    format = 'newline_delimited', records = 'false', columns = {cells: 'VARCHAR[]'}, maximum_object_size = ${size}))
    TO ${quoteText(to)} (FORMAT parquet, COMPRESSION snappy)`);
  await rm(from);
}

/** So many digits are a 64-bit integer to DuckDB. */
const SHORT_DIGITS = 18;

/**
 * Text as a column's type. DuckDB takes 8 µs to read one decimal of more than 18 digits, and fifty times less to read one
 * of up to 18, or a BIGINT: most are such, whatever their column may hold.
 */
function typedSql({ type }: StagedColumn, value: string): string {
  if (type === "BLOB") return `unhex(${value})`;
  const [, precision = 0, scale = 0] = (/^DECIMAL\((\d+),(\d+)\)$/.exec(type) ?? []).map(Number);
  if (precision <= SHORT_DIGITS || scale > SHORT_DIGITS) return `${value}::${type}`;
  const short = scale === 0 ? "BIGINT" : `DECIMAL(${SHORT_DIGITS},${scale})`;
  return `coalesce(try_cast(${value} AS ${short})::${type}, ${value}::${type})`;
}
