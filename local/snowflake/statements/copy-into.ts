import { openAsBlob } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { ColumnType } from "../column-type.ts";
import type { Execution, Outcome, StorageTarget } from "../execution.ts";
import { STATEMENT } from "../execution.ts";
import { type ResultColumn, smallResult, textColumns } from "../result-writer.ts";
import { countBytes, describe } from "../run-query.ts";
import { openScope } from "../scope.ts";
import { noSuchObject, SnowflakeError, unsupported } from "../snowflake-error.ts";
import type { Cursor } from "../sql/cursor.ts";
import { Cursor as Reader } from "../sql/cursor.ts";
import { printName, quoteName, quoteText } from "../sql/identifiers.ts";
import { rewrite } from "../sql/rewrite-query.ts";
import { isGroup, isWord } from "../sql/token-tree.ts";
import { readValue } from "./session-statements.ts";

interface Options {
  compression: "snappy" | "uncompressed" | "gzip" | "zstd";
  header: boolean;
  single: boolean;
  overwrite: boolean;
  detailed: boolean;
  includeQueryId: boolean;
  maxFileSize: number;
}

/** A file as DuckDB wrote it. */
interface Written {
  path: string;
  rows: number;
  size: number;
}

interface File extends Written {
  name: string;
}

const DEFAULT_FILE_SIZE = 16 * 1024 * 1024;
const LARGEST_FILE_SIZE = 5 * 1024 ** 3;
/** As many rows as one of eight threads would write before the next file begins. */
const ROW_GROUPS_PER_FILE = 4;
/** How many times larger than asked for a file may be: the size is an aim. */
const TOLERANCE = 2;
const listing = z.object({ items: z.array(z.object({ name: z.string() })).optional() });
const EXTENSIONS = { snappy: ".snappy.parquet", uncompressed: ".parquet", gzip: ".gz.parquet", zstd: ".zstd.parquet" };

/**
 * COPY INTO 'gcs://bucket/path' FROM … as Parquet, into the local bucket.
 * https://docs.snowflake.com/en/sql-reference/sql/copy-into-location
 */
export async function copyInto(execution: Execution, cursor: Cursor): Promise<Outcome> {
  cursor.expect("COPY", "INTO");
  if (cursor.peek()?.kind !== "string") throw unsupported("COPY INTO anything but an external location");
  const { prefix } = readLocation(cursor.string(), execution.storage);
  cursor.expect("FROM");
  const scope = await openScope(execution);
  const group = cursor.takeGroup();
  const source =
    group === undefined ? `SELECT * FROM ${scope.table(cursor.path(), undefined)}` : rewrite(group.items, scope);
  const options = readOptions(execution, cursor);
  const columns = await describe(execution.connection, source);
  refuseTypes(columns);
  await countBytes(execution);
  const folder = join(execution.warehouse.scratch, `unload-${execution.query.id}`);
  await mkdir(folder, { recursive: true });
  try {
    const files = await unload(execution, source, columns, options, folder);
    execution.query.throwIfCancelled();
    if (files.length > 0 && !options.overwrite) await refuseExisting(execution.storage, prefix);
    for (const file of files) {
      execution.query.throwIfCancelled();
      await upload(execution.storage, file, objectName(prefix, file.name, options));
    }
    return { result: report(files, columns.length, options), statementType: STATEMENT.copy };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function readLocation(location: string, storage: StorageTarget): { prefix: string } {
  const [, scheme = "", bucket = "", path = ""] = /^(\w+):\/\/([^/]+)\/?(.*)$/.exec(location) ?? [];
  if (scheme !== "gcs")
    throw new SnowflakeError("001011", "42601", `SQL compilation error:\ninvalid URL prefix found in: '${location}'`);
  if (bucket !== storage.bucket)
    throw new SnowflakeError(
      "091003",
      "55000",
      `Failure using stage area. Cause: [The specified bucket does not exist: ${bucket}]`,
    );
  return { prefix: path };
}

function readOptions(execution: Execution, cursor: Cursor): Options {
  const options: Options = {
    ...{
      compression: "snappy",
      header: false,
      single: false,
      overwrite: false,
      detailed: false,
      includeQueryId: false,
    },
    maxFileSize: DEFAULT_FILE_SIZE,
  };
  let integration: string | undefined;
  let parquet = false;
  while (!cursor.done) {
    if (isWord(cursor.peek(), "PARTITION")) throw unsupported("PARTITION BY");
    const name = cursor.identifier();
    cursor.expectSymbol("=");
    const format = cursor.peek();
    if (name === "FILE_FORMAT" && isGroup(format)) {
      cursor.at += 1;
      const inner = new Reader(execution.sql, format.items);
      while (!inner.done) {
        const key = inner.identifier();
        inner.expectSymbol("=");
        const value = String(readValue(inner)).toUpperCase();
        if (key === "TYPE") parquet = value === "PARQUET";
        if (key === "COMPRESSION") options.compression = compressionOf(value);
        if (key === "SNAPPY_COMPRESSION" && value === "FALSE") options.compression = "uncompressed";
        inner.takeSymbol(",");
      }
      continue;
    }
    const value = readValue(cursor);
    if (name === "STORAGE_INTEGRATION") integration = String(value);
    else if (name === "HEADER") options.header = value === true;
    else if (name === "SINGLE") options.single = value === true;
    else if (name === "OVERWRITE") options.overwrite = value === true;
    else if (name === "DETAILED_OUTPUT") options.detailed = value === true;
    else if (name === "INCLUDE_QUERY_ID") options.includeQueryId = value === true;
    else if (name === "MAX_FILE_SIZE") options.maxFileSize = Number(value);
    else throw unsupported(`the copy option ${name}`);
  }
  if (!parquet) throw unsupported("unloading to another format than PARQUET");
  if (integration === undefined)
    throw new SnowflakeError(
      "003167",
      "42601",
      "SQL compilation error:\nA storage integration is required for a gcs:// location.",
    );
  if (integration !== execution.storage.integration) throw noSuchObject("Integration", printName(integration));
  if (options.maxFileSize > LARGEST_FILE_SIZE || !(options.maxFileSize > 0))
    throw new SnowflakeError(
      "001008",
      "22023",
      `SQL compilation error:\ninvalid value [${options.maxFileSize}] for parameter 'MAX_FILE_SIZE'`,
    );
  return options;
}

function compressionOf(value: string): Options["compression"] {
  if (value === "AUTO" || value === "SNAPPY") return "snappy";
  if (value === "NONE") return "uncompressed";
  throw unsupported(`COMPRESSION = ${value} for PARQUET`);
}

function refuseTypes(columns: ResultColumn[]): void {
  const zoned = columns.find(({ type }) => type.kind === "timestamp_tz" || type.kind === "timestamp_ltz");
  if (zoned === undefined) return;
  throw new SnowflakeError(
    "100171",
    "22000",
    `Error encountered when unloading to PARQUET: TIMESTAMP_TZ and LTZ types are not supported for unloading to Parquet. value is ${zoned.name}`,
  );
}

/** How a value stands in a Parquet file: times in milliseconds, semi-structured values as JSON text. */
function unloadedSql({ kind }: ColumnType, value: string): string {
  if (kind === "timestamp_ntz") return `make_timestamp(sf_fdiv(${value}.ntz, 1000000)::BIGINT * 1000)::TIMESTAMP_MS`;
  if (kind === "time") return `make_timestamp((epoch_ns(${value}) // 1000000) * 1000)::TIME`;
  if (kind === "variant" || kind === "object" || kind === "array") return `${value}."${kind}"`;
  return value;
}

async function unload(
  execution: Execution,
  source: string,
  columns: ResultColumn[],
  options: Options,
  folder: string,
): Promise<File[]> {
  const given = columns.map((_, at) => `c${at}`).join(", ");
  const names = columns.map(({ name }, at) => (options.header ? name : `_COL_${at}`));
  const values = columns.map(({ type }, at) => `${unloadedSql(type, `c${at}`)} AS ${quoteName(names[at] ?? "")}`);
  const write = async (target: string, selected: string[], settings: string[]): Promise<Written[]> => {
    const to = ["FORMAT parquet", `COMPRESSION ${options.compression}`, "RETURN_STATS", ...settings].join(", ");
    const written = await execution.connection.runAndReadAll(
      `COPY (SELECT ${selected.join(", ")} FROM (${source}) q(${given})) TO ${quoteText(join(folder, target))} (${to})`,
    );
    return written
      .getRowsJS()
      .map(([path, rows, size]) => ({ path: String(path), rows: Number(rows), size: Number(size) }))
      .filter(({ rows }) => rows > 0);
  };
  const written = options.single
    ? await write("data.parquet", values, [])
    : await writeFiles(values, options.maxFileSize, write);
  const large = options.single ? written.find(({ size }) => size > options.maxFileSize) : undefined;
  if (large !== undefined)
    throw new SnowflakeError(
      "100102",
      "22000",
      `Max file size (${options.maxFileSize}) exceeded for unload single file mode. Actual file size is ${large.size}.`,
    );
  const id = options.includeQueryId ? `${execution.query.id}_` : "";
  const extension = EXTENSIONS[options.compression];
  return written.map((file, at) => ({ ...file, name: `data_${id}0_${at % 8}_${Math.floor(at / 8)}${extension}` }));
}

/**
 * Files of about the size that was asked for. DuckDB begins another one after whole groups of rows only: where these are
 * far too large, all is written anew, in files of so many rows as came to that size.
 */
async function writeFiles(
  values: string[],
  maxFileSize: number,
  write: (target: string, selected: string[], settings: string[]) => Promise<Written[]>,
): Promise<Written[]> {
  const perFile = [`ROW_GROUPS_PER_FILE ${ROW_GROUPS_PER_FILE}`, `FILE_SIZE_BYTES ${maxFileSize}`];
  const written = await write("groups", values, [...perFile, "FILENAME_PATTERN 'data_{i}'"]);
  if (written.every(({ size }) => size <= maxFileSize * TOLERANCE)) return written;
  const [rows, bytes] = [sumOf(written, "rows"), sumOf(written, "size")];
  const fitting = Math.max(1, Math.floor((rows * maxFileSize) / bytes));
  const place = `(row_number() OVER () - 1) // ${fitting} AS "~file"`;
  return write("pieces", [...values, place], ['PARTITION_BY ("~file")', "FILENAME_PATTERN 'data_{i}'"]);
}

const sumOf = (files: { rows: number; size: number }[], what: "rows" | "size") =>
  files.reduce((sum, file) => sum + file[what], 0);

/** A path that does not end with a slash is the beginning of the files' names; with SINGLE it is the name. */
function objectName(prefix: string, name: string, options: Options): string {
  if (options.single) return prefix === "" || prefix.endsWith("/") ? `${prefix}data` : prefix;
  return prefix === "" || prefix.endsWith("/") ? prefix + name : `${prefix}_${name.replace(/^data_/, "")}`;
}

async function refuseExisting({ url, bucket }: StorageTarget, prefix: string): Promise<void> {
  const reply = await fetch(`${url}/storage/v1/b/${bucket}/o?maxResults=1&prefix=${encodeURIComponent(prefix)}`);
  const found = listing.parse(await reply.json()).items ?? [];
  if (found.length > 0)
    throw new SnowflakeError(
      "001030",
      "22000",
      `Files already existing at the unload destination: gcs://${bucket}/${prefix}. Use overwrite option to force unloading.`,
    );
}

async function upload({ url, bucket }: StorageTarget, file: File, name: string): Promise<void> {
  const reply = await fetch(
    `${url}/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeURIComponent(name)}`,
    {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: await openAsBlob(file.path),
    },
  );
  const answer = await reply.text();
  if (!reply.ok)
    throw new SnowflakeError(
      "091003",
      "55000",
      `Failure using stage area. Cause: [${reply.status} ${answer.slice(0, 200)}]`,
    );
}

function report(files: File[], width: number, options: Options) {
  const fixed = (name: string): ResultColumn => ({
    name,
    type: { kind: "fixed", precision: 38, scale: 0 },
    nullable: false,
  });
  if (options.detailed) {
    const columns = [...textColumns("FILE_NAME"), fixed("FILE_SIZE"), fixed("ROW_COUNT")];
    return smallResult(
      columns,
      files.map(({ name, size, rows }) => [name, String(size), String(rows)]),
    );
  }
  const [rows, bytes] = [sumOf(files, "rows"), sumOf(files, "size")];
  const columns = ["rows_unloaded", "input_bytes", "output_bytes"].map(fixed);
  return smallResult(columns, [[rows, rows * width * 8, bytes].map(String)]);
}
