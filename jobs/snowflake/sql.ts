import type { SourceColumn } from "./source-column.ts";

/** A table or view of Snowflake's, its names as they are stored. */
export interface TableName {
  database: string;
  schema: string;
  table: string;
}

/** A name as SQL takes it literally, case and all. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as SQL; in Snowflake's a backslash escapes. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

const pathOf = ({ database, schema, table }: TableName) => [database, schema, table].map(quoteName).join(".");

/**
 * The statements that a session begins with: what is written and read must not depend on the account's settings, and a
 * statement that nobody waits for any more must end.
 * https://docs.snowflake.com/en/sql-reference/parameters
 */
export function sessionSql({ statementSeconds }: { statementSeconds: number }): string[] {
  const settings = {
    TIMEZONE: quoteText("UTC"),
    TIMESTAMP_TYPE_MAPPING: quoteText("TIMESTAMP_NTZ"),
    BINARY_OUTPUT_FORMAT: quoteText("HEX"),
    DATE_INPUT_FORMAT: quoteText("AUTO"),
    TIME_INPUT_FORMAT: quoteText("AUTO"),
    TIMESTAMP_INPUT_FORMAT: quoteText("AUTO"),
    QUOTED_IDENTIFIERS_IGNORE_CASE: "FALSE",
    ROWS_PER_RESULTSET: "0",
    // Otherwise each file's types follow the values that happen to be in it.
    ENABLE_UNLOAD_PHYSICAL_TYPE_OPTIMIZATION: "FALSE",
    ABORT_DETACHED_QUERY: "TRUE",
    STATEMENT_TIMEOUT_IN_SECONDS: String(Math.ceil(statementSeconds)),
  };
  return [
    `ALTER SESSION SET ${Object.entries(settings)
      .map(([name, value]) => `${name} = ${value}`)
      .join(", ")}`,
  ];
}

/** The schemas that have a name in any case. */
export function schemasSql(database: string, name: string): string {
  return `SELECT SCHEMA_NAME FROM ${quoteName(database)}.INFORMATION_SCHEMA.SCHEMATA
WHERE UPPER(SCHEMA_NAME) = UPPER(${quoteText(name)})
ORDER BY SCHEMA_NAME`;
}

/** Tables and views of schemas with what the catalogue tells of them; times in milliseconds since 1970. */
export function schemaTablesSql(database: string, schemas: string[]): string {
  return `SELECT TABLE_SCHEMA, TABLE_NAME, ROW_COUNT, BYTES, DATE_PART(EPOCH_MILLISECOND, LAST_ALTERED) AS LAST_ALTERED
FROM ${quoteName(database)}.INFORMATION_SCHEMA.TABLES
WHERE TABLE_SCHEMA IN (${schemas.map(quoteText).join(", ")})
ORDER BY TABLE_NAME`;
}

/** What the catalogue tells of one table. */
export function tableSql({ database, schema, table }: TableName): string {
  return `SELECT TABLE_TYPE, DATE_PART(EPOCH_MILLISECOND, CREATED) AS CREATED
FROM ${quoteName(database)}.INFORMATION_SCHEMA.TABLES
WHERE TABLE_SCHEMA = ${quoteText(schema)} AND TABLE_NAME = ${quoteText(table)}`;
}

/** Its columns in their order, as rows of `columnRow`. */
export function columnsSql({ database, schema, table }: TableName): string {
  return `SELECT COLUMN_NAME, IS_NULLABLE, COLUMN_DEFAULT, DATA_TYPE, NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION,
CHARACTER_MAXIMUM_LENGTH
FROM ${quoteName(database)}.INFORMATION_SCHEMA.COLUMNS
WHERE TABLE_SCHEMA = ${quoteText(schema)} AND TABLE_NAME = ${quoteText(table)}
ORDER BY ORDINAL_POSITION`;
}

/** Snowflake's clock in UTC, cut to milliseconds, which is as fine as AT takes it: `2026-01-31 12:00:00.123`. */
export const CLOCK_SQL =
  "SELECT TO_VARCHAR(CONVERT_TIMEZONE('UTC', CURRENT_TIMESTAMP()), 'YYYY-MM-DD HH24:MI:SS.FF3') AS MOMENT";

/**
 * What stands after FROM: a table as it is now, or as it was at a moment in UTC.
 * https://docs.snowflake.com/en/sql-reference/constructs/at-before
 */
export function relationSql(name: TableName, moment: string | null): string {
  if (moment === null) return pathOf(name);
  return `${pathOf(name)} AT(TIMESTAMP => ${quoteText(`${moment} +0000`)}::TIMESTAMP_LTZ)`;
}

/** Rows of a relation that all of the conditions hold for; the relation itself without any. */
export function filteredSql(relation: string, conditions: string[]): string {
  return conditions.length === 0 ? relation : `(SELECT * FROM ${relation} WHERE ${conditions.join(" AND ")})`;
}

/** A condition that somebody else wrote, fenced in: a comment at its end hides nothing of ours. */
export const fencedSql = (condition: string) => `(${condition}\n)`;

export const countSql = (relation: string) => `SELECT COUNT(*) AS N FROM ${relation}`;

/** How many rows have a value in any of the columns. */
export function countAnySql(relation: string, columns: string[]): string {
  const any = columns.map((name) => `${quoteName(name)} IS NOT NULL`).join(" OR ");
  return `SELECT COUNT(*) AS N FROM ${relation} WHERE ${any}`;
}

/** A column of what is read: its name there, and how DuckDB holds it at first. */
export interface StagedColumn {
  name: string;
  type: string;
  /** Snowflake's SQL of it, as Parquet takes it. */
  sql: string;
  /** The same as text, where the driver would otherwise look at each value; undefined where it need not. */
  textSql?: string;
}

/** Minutes between UTC and the wall clock: a difference of the same moment as both show it. */
const offsetSql = (value: string) =>
  `DATEDIFF(MINUTE, CONVERT_TIMEZONE('UTC', ${value})::TIMESTAMP_NTZ, ${value}::TIMESTAMP_NTZ)`;

const nanosSql = (value: string) => `DATE_PART(EPOCH_NANOSECOND, ${value})`;

/**
 * How a column is read, by either path: numbers exactly, times as integers, since Parquet files of Snowflake's hold
 * neither zones nor nanoseconds. `C3` is the fourth column's value, `O3` its offset from UTC.
 */
export function stagedColumns({ name, type }: SourceColumn, at: number): StagedColumn[] {
  const value = quoteName(name);
  const staged = `C${at}`;
  const number = (sql: string, precision: number, scale = 0): StagedColumn => {
    const typed = `${sql}::NUMBER(${precision},${scale})`;
    return { name: staged, type: `DECIMAL(${precision},${scale})`, sql: typed, textSql: `TO_VARCHAR(${typed})` };
  };
  switch (type.kind) {
    case "number":
      return [number(value, type.precision, type.scale)];
    case "float":
      return [{ name: staged, type: "DOUBLE", sql: value }];
    case "boolean":
      return [{ name: staged, type: "BOOLEAN", sql: value }];
    case "text":
      return [{ name: staged, type: "VARCHAR", sql: value }];
    case "decfloat":
      return [{ name: staged, type: "VARCHAR", sql: `TO_VARCHAR(${value})` }];
    case "json":
      return [{ name: staged, type: "VARCHAR", sql: jsonSql(value, type.as) }];
    case "binary":
      return [{ name: staged, type: "BLOB", sql: value, textSql: `HEX_ENCODE(${value})` }];
    case "date":
      return [number(`DATEDIFF(DAY, '1970-01-01'::DATE, ${value})`, 9)];
    case "time":
      return [number(`DATEDIFF(NANOSECOND, '00:00:00'::TIME, ${value})`, 15)];
    case "timestamp_ntz":
      return [number(nanosSql(value), 38)];
    case "timestamp_ltz":
      return [number(nanosSql(`CONVERT_TIMEZONE('UTC', ${value})::TIMESTAMP_NTZ`), 38)];
    case "timestamp_tz":
      return [
        number(nanosSql(`CONVERT_TIMEZONE('UTC', ${value})::TIMESTAMP_NTZ`), 38),
        { ...number(offsetSql(value), 5), name: `O${at}` },
      ];
  }
}

/** What TO_JSON is given for a column that becomes JSON text. */
export function jsonOperandSql(value: string, as: "variant" | "array" | "geojson"): string {
  if (as === "geojson") return `ST_ASGEOJSON(${value})`;
  return as === "array" ? `${value}::ARRAY` : value;
}

const jsonSql = (value: string, as: "variant" | "array" | "geojson") => `TO_JSON(${jsonOperandSql(value, as)})`;

/** A query of what is read, as Parquet takes it or, `asText`, as the driver hands it out fastest. */
export function readSql(relation: string, columns: StagedColumn[], asText: boolean): string {
  const list = columns.map(({ name, sql, textSql }) => `${asText ? (textSql ?? sql) : sql} AS ${quoteName(name)}`);
  return `SELECT ${list.join(",\n")}\nFROM ${relation}`;
}

const MAX_FILE_SIZE = 128 * 1024 ** 2;

/**
 * Unloads a query as Parquet files under a prefix in Cloud Storage.
 * https://docs.snowflake.com/en/sql-reference/sql/copy-into-location
 */
export function unloadSql(query: string, location: string, integration: string): string {
  return `COPY INTO ${quoteText(location)} FROM (${query})
STORAGE_INTEGRATION = ${quoteName(integration)}
FILE_FORMAT = (TYPE = PARQUET COMPRESSION = SNAPPY)
HEADER = TRUE MAX_FILE_SIZE = ${MAX_FILE_SIZE}`;
}

/**
 * What the session's statements under a tag have cost, as far as the history knows yet. It knows the credits of the
 * cloud services, not those of the warehouse.
 * https://docs.snowflake.com/en/sql-reference/functions/query_history
 */
export function historySql(database: string, tag: string): string {
  return `SELECT SUM(BYTES_SCANNED) AS BYTES_SCANNED, SUM(CREDITS_USED_CLOUD_SERVICES) AS CREDITS_CLOUD_SERVICES
FROM TABLE(${quoteName(database)}.INFORMATION_SCHEMA.QUERY_HISTORY_BY_SESSION(RESULT_LIMIT => 10000))
WHERE QUERY_TAG = ${quoteText(tag)}`;
}
