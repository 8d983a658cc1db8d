import { FROM, storedName, type Table, TO } from "./catalog.ts";
import { type ColumnType, MAX_TEXT, typeName } from "./column-type.ts";
import type { Execution } from "./execution.ts";
import { noSuchObject } from "./snowflake-error.ts";
import { duckName, printName, quoteText } from "./sql/identifiers.ts";

type Field = [name: string, type: "VARCHAR" | "DECIMAL(38,0)" | "moment", sql: (value: never) => string];

const text = (value: string | undefined | null) => (value === undefined || value === null ? "NULL" : quoteText(value));
const yes = (value: boolean) => (value ? "'YES'" : "'NO'");
const moment = (ms: number | undefined) => (ms === undefined ? "NULL" : `{'ltz': ${ms}000000::HUGEINT}`);
const count = (value: number | undefined) => (value === undefined ? "NULL" : `${value}::DECIMAL(38,0)`);

const WIDTHS: Partial<Record<ColumnType["kind"], number>> = { fixed: 3, real: 6, text: 6, boolean: 1, date: 2 };
const USUAL_WIDTH = 8;

/** Roughly what Snowflake's compression would make of a row. */
export const rowBytes = (table: Table) =>
  table.columns.reduce((sum, { type }) => sum + (WIDTHS[type.kind] ?? USUAL_WIDTH), 0);

export const rowCountSql = (table: Table) =>
  table.kind === "VIEW" ? "NULL" : `(SELECT count(*) FROM ${storedName(table)} WHERE "${TO}" IS NULL)`;

/** When rows last changed, or the table itself. */
export const lastAlteredSql = (table: Table) =>
  table.kind === "VIEW"
    ? `${table.altered}`
    : `(SELECT greatest(${table.altered}, coalesce(max("${FROM}"), 0), coalesce(max("${TO}"), 0)) FROM ${storedName(table)})`;

/** SQL of a view of INFORMATION_SCHEMA; https://docs.snowflake.com/en/sql-reference/info-schema */
export function informationSchema(execution: Execution, database: string, name: string): string {
  const { catalog } = execution.warehouse;
  if (catalog.database(database) === undefined) throw noSuchObject("Database", printName(database));
  const relations = catalog.relations(execution.session.id).filter((one) => one.database === database);
  if (name === "TABLES") return relation(TABLE_FIELDS, relations);
  if (name === "VIEWS")
    return relation(
      VIEW_FIELDS,
      relations.filter((one) => one.kind === "VIEW"),
    );
  if (name === "COLUMNS") {
    return relation(
      COLUMN_FIELDS,
      relations.flatMap((table) => table.columns.map((column, at) => ({ table, column, at }))),
    );
  }
  if (name === "SCHEMATA")
    return relation(
      SCHEMA_FIELDS,
      catalog.all("SCHEMA").filter((one) => one.database === database),
    );
  if (name === "DATABASES") return relation(DATABASE_FIELDS, catalog.all("DATABASE"));
  if (name.startsWith("QUERY_HISTORY")) {
    const own = name.endsWith("SESSION") ? execution.session : undefined;
    return relation(
      HISTORY_FIELDS,
      execution.queries
        .all()
        .filter(({ session }) => own === undefined || session === own)
        .toReversed(),
    );
  }
  throw noSuchObject("Object", `${printName(database)}.INFORMATION_SCHEMA.${printName(name)}`);
}

const field = <T>(name: string, type: Field[1], sql: (row: T) => string) => ({ name, type, sql });

function relation<T>(fields: ReturnType<typeof field<T>>[], rows: T[]): string {
  const duck = (type: Field[1]) => (type === "moment" ? "STRUCT(ltz HUGEINT)" : type);
  const names = fields.map(({ name }) => duckName(name)).join(", ");
  const casts = fields.map(({ name, type }) => `CAST(${duckName(name)} AS ${duck(type)}) AS ${duckName(name)}`);
  // One list of values: thousands of SELECTs in a UNION cost DuckDB gigabytes.
  const values = rows.map((row) => `(${fields.map(({ sql }) => sql(row)).join(", ")})`);
  const none = `SELECT ${fields.map(() => "NULL").join(", ")} WHERE false`;
  return `(SELECT ${casts.join(", ")} FROM (${rows.length === 0 ? none : `VALUES ${values.join(", ")}`}) t(${names}))`;
}

const tableType = (table: Table) =>
  table.kind === "VIEW" ? "VIEW" : table.temporary !== undefined ? "TEMPORARY TABLE" : "BASE TABLE";

const TABLE_FIELDS = [
  field<Table>("TABLE_CATALOG", "VARCHAR", (t) => text(t.database)),
  field<Table>("TABLE_SCHEMA", "VARCHAR", (t) => text(t.schema)),
  field<Table>("TABLE_NAME", "VARCHAR", (t) => text(t.name)),
  field<Table>("TABLE_OWNER", "VARCHAR", () => "'ACCOUNTADMIN'"),
  field<Table>("TABLE_TYPE", "VARCHAR", (t) => text(tableType(t))),
  field<Table>("IS_TRANSIENT", "VARCHAR", (t) => (t.kind === "VIEW" ? "NULL" : yes(t.transient))),
  field<Table>("CLUSTERING_KEY", "VARCHAR", () => "NULL"),
  field<Table>("ROW_COUNT", "DECIMAL(38,0)", rowCountSql),
  field<Table>("BYTES", "DECIMAL(38,0)", (t) => (t.kind === "VIEW" ? "NULL" : `${rowCountSql(t)} * ${rowBytes(t)}`)),
  field<Table>("RETENTION_TIME", "DECIMAL(38,0)", (t) => (t.kind === "VIEW" ? "NULL" : count(t.retentionDays))),
  field<Table>("CREATED", "moment", (t) => moment(t.created)),
  field<Table>("LAST_ALTERED", "moment", (t) => `{'ltz': ${lastAlteredSql(t)}::HUGEINT * 1000000}`),
  field<Table>("LAST_DDL", "moment", (t) => moment(t.altered)),
  field<Table>("LAST_DDL_BY", "VARCHAR", () => "NULL"),
  field<Table>("AUTO_CLUSTERING_ON", "VARCHAR", (t) => (t.kind === "VIEW" ? "NULL" : "'NO'")),
  field<Table>("COMMENT", "VARCHAR", (t) => (t.comment === "" ? "NULL" : text(t.comment))),
  field<Table>("IS_TEMPORARY", "VARCHAR", (t) => yes(t.temporary !== undefined)),
  field<Table>("IS_ICEBERG", "VARCHAR", () => "'NO'"),
  field<Table>("IS_DYNAMIC", "VARCHAR", () => "'NO'"),
];

const VIEW_FIELDS = [
  field<Table>("TABLE_CATALOG", "VARCHAR", (t) => text(t.database)),
  field<Table>("TABLE_SCHEMA", "VARCHAR", (t) => text(t.schema)),
  field<Table>("TABLE_NAME", "VARCHAR", (t) => text(t.name)),
  field<Table>("TABLE_OWNER", "VARCHAR", () => "'ACCOUNTADMIN'"),
  field<Table>("VIEW_DEFINITION", "VARCHAR", (t) => text(t.query)),
  field<Table>("IS_SECURE", "VARCHAR", () => "'NO'"),
  field<Table>("CREATED", "moment", (t) => moment(t.created)),
  field<Table>("LAST_ALTERED", "moment", (t) => moment(t.altered)),
  field<Table>("COMMENT", "VARCHAR", (t) => text(t.comment)),
];

const SCHEMA_FIELDS = [
  field<Table>("CATALOG_NAME", "VARCHAR", (t) => text(t.database)),
  field<Table>("SCHEMA_NAME", "VARCHAR", (t) => text(t.name)),
  field<Table>("SCHEMA_OWNER", "VARCHAR", () => "'ACCOUNTADMIN'"),
  field<Table>("IS_TRANSIENT", "VARCHAR", () => "'NO'"),
  field<Table>("RETENTION_TIME", "DECIMAL(38,0)", (t) => count(t.retentionDays)),
  field<Table>("CREATED", "moment", (t) => moment(t.created)),
  field<Table>("LAST_ALTERED", "moment", (t) => moment(t.altered)),
  field<Table>("COMMENT", "VARCHAR", (t) => text(t.comment)),
];

const DATABASE_FIELDS = [
  field<Table>("DATABASE_NAME", "VARCHAR", (t) => text(t.name)),
  field<Table>("DATABASE_OWNER", "VARCHAR", () => "'ACCOUNTADMIN'"),
  field<Table>("IS_TRANSIENT", "VARCHAR", () => "'NO'"),
  field<Table>("COMMENT", "VARCHAR", (t) => text(t.comment)),
  field<Table>("CREATED", "moment", (t) => moment(t.created)),
  field<Table>("LAST_ALTERED", "moment", (t) => moment(t.altered)),
  field<Table>("RETENTION_TIME", "DECIMAL(38,0)", (t) => count(t.retentionDays)),
];

type ColumnRow = { table: Table; column: Table["columns"][number]; at: number };
const isMoment = (type: ColumnType) => type.kind === "time" || type.kind.startsWith("timestamp");

const COLUMN_FIELDS = [
  field<ColumnRow>("TABLE_CATALOG", "VARCHAR", ({ table }) => text(table.database)),
  field<ColumnRow>("TABLE_SCHEMA", "VARCHAR", ({ table }) => text(table.schema)),
  field<ColumnRow>("TABLE_NAME", "VARCHAR", ({ table }) => text(table.name)),
  field<ColumnRow>("COLUMN_NAME", "VARCHAR", ({ column }) => text(column.name)),
  field<ColumnRow>("ORDINAL_POSITION", "DECIMAL(38,0)", ({ at }) => count(at + 1)),
  field<ColumnRow>("COLUMN_DEFAULT", "VARCHAR", ({ column }) => text(column.default)),
  field<ColumnRow>("IS_NULLABLE", "VARCHAR", ({ column }) => yes(column.nullable)),
  field<ColumnRow>("DATA_TYPE", "VARCHAR", ({ column }) => text(typeName(column.type))),
  field<ColumnRow>("CHARACTER_MAXIMUM_LENGTH", "DECIMAL(38,0)", ({ column: { type } }) =>
    count(type.kind === "text" ? (type.length ?? MAX_TEXT) : undefined),
  ),
  field<ColumnRow>("CHARACTER_OCTET_LENGTH", "DECIMAL(38,0)", ({ column: { type } }) =>
    count(
      type.kind === "text" || type.kind === "binary" ? Math.min(MAX_TEXT, (type.length ?? MAX_TEXT) * 4) : undefined,
    ),
  ),
  field<ColumnRow>("NUMERIC_PRECISION", "DECIMAL(38,0)", ({ column: { type } }) =>
    count(type.kind === "fixed" ? type.precision : undefined),
  ),
  field<ColumnRow>("NUMERIC_PRECISION_RADIX", "DECIMAL(38,0)", ({ column: { type } }) =>
    count(type.kind === "fixed" ? 10 : undefined),
  ),
  field<ColumnRow>("NUMERIC_SCALE", "DECIMAL(38,0)", ({ column: { type } }) =>
    count(type.kind === "fixed" ? type.scale : undefined),
  ),
  field<ColumnRow>("DATETIME_PRECISION", "DECIMAL(38,0)", ({ column: { type } }) =>
    count(isMoment(type) ? (type.scale ?? 9) : undefined),
  ),
  field<ColumnRow>("COLLATION_NAME", "VARCHAR", () => "NULL"),
  field<ColumnRow>("IS_IDENTITY", "VARCHAR", () => "'NO'"),
  field<ColumnRow>("COMMENT", "VARCHAR", ({ column }) => text(column.comment)),
];

type HistoryRow = ReturnType<Execution["queries"]["all"]>[number];
const ended = (query: HistoryRow) => query.ended ?? query.started;

/** https://docs.snowflake.com/en/sql-reference/functions/query_history */
const HISTORY_FIELDS = [
  field<HistoryRow>("QUERY_ID", "VARCHAR", (q) => text(q.id)),
  field<HistoryRow>("QUERY_TEXT", "VARCHAR", (q) => text(q.sql)),
  field<HistoryRow>("DATABASE_NAME", "VARCHAR", (q) => text(q.session.database)),
  field<HistoryRow>("SCHEMA_NAME", "VARCHAR", (q) => text(q.session.schema)),
  field<HistoryRow>("QUERY_TYPE", "VARCHAR", (q) => text(q.sql.trim().split(/\s/)[0]?.toUpperCase())),
  field<HistoryRow>("SESSION_ID", "DECIMAL(38,0)", (q) => q.session.id),
  field<HistoryRow>("USER_NAME", "VARCHAR", (q) => text(q.session.user.login.toUpperCase())),
  field<HistoryRow>("ROLE_NAME", "VARCHAR", (q) => text(q.session.role)),
  field<HistoryRow>("WAREHOUSE_NAME", "VARCHAR", (q) => text(q.session.warehouse)),
  field<HistoryRow>("QUERY_TAG", "VARCHAR", (q) => text(q.tag)),
  field<HistoryRow>("EXECUTION_STATUS", "VARCHAR", (q) => text(q.status)),
  field<HistoryRow>("ERROR_CODE", "VARCHAR", (q) => text(q.error?.code)),
  field<HistoryRow>("ERROR_MESSAGE", "VARCHAR", (q) => text(q.error?.message)),
  field<HistoryRow>("START_TIME", "moment", (q) => moment(q.started)),
  field<HistoryRow>("END_TIME", "moment", (q) => moment(q.ended)),
  field<HistoryRow>("TOTAL_ELAPSED_TIME", "DECIMAL(38,0)", (q) => count(ended(q) - q.started)),
  field<HistoryRow>("BYTES_SCANNED", "DECIMAL(38,0)", (q) => count(q.bytesScanned)),
  field<HistoryRow>("ROWS_PRODUCED", "DECIMAL(38,0)", (q) => count(q.result?.total)),
  field<HistoryRow>("EXECUTION_TIME", "DECIMAL(38,0)", (q) => count(ended(q) - q.started)),
  /** A double on the wire; nothing here costs anything. */
  field<HistoryRow>("CREDITS_USED_CLOUD_SERVICES", "DECIMAL(38,0)", () => "0"),
];
