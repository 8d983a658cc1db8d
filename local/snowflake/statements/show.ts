import type { CatalogObject, Table } from "../catalog.ts";
import { type ColumnType, MAX_TEXT, printType } from "../column-type.ts";
import type { Execution } from "../execution.ts";
import { rowBytes, rowCountSql } from "../information-schema.ts";
import { type ResultColumn, type StoredResult, smallResult, textColumns } from "../result-writer.ts";
import { SessionParameters } from "../session-parameters.ts";
import { cannotOperate, noDatabase, unsupported } from "../snowflake-error.ts";
import type { Cursor } from "../sql/cursor.ts";
import { isWord } from "../sql/token-tree.ts";

type Row = Record<string, string | null>;

const LTZ: ColumnType = { kind: "timestamp_ltz", precision: 0, scale: 3 };
const COUNT: ColumnType = { kind: "fixed", precision: 38, scale: 0 };
const TYPES: Record<string, ColumnType> = { created_on: LTZ, rows: COUNT, bytes: COUNT };

const TERSE = ["created_on", "name", "kind", "database_name", "schema_name"];
const TABLES = [
  ...["created_on", "name", "database_name", "schema_name", "kind", "comment", "cluster_by", "rows", "bytes", "owner"],
  ...[
    "retention_time",
    "automatic_clustering",
    "change_tracking",
    "search_optimization",
    "is_external",
    "owner_role_type",
  ],
];
const VIEWS = [
  ...[
    "created_on",
    "name",
    "reserved",
    "database_name",
    "schema_name",
    "owner",
    "comment",
    "text",
    "is_secure",
    "is_materialized",
  ],
];
const SCHEMAS = [
  ...[
    "created_on",
    "name",
    "is_default",
    "is_current",
    "database_name",
    "owner",
    "comment",
    "options",
    "retention_time",
  ],
];
const DATABASES = [
  ...[
    "created_on",
    "name",
    "is_default",
    "is_current",
    "origin",
    "owner",
    "comment",
    "options",
    "retention_time",
    "kind",
  ],
];
const COLUMNS = [
  ...[
    "table_name",
    "schema_name",
    "column_name",
    "data_type",
    "null?",
    "default",
    "kind",
    "expression",
    "comment",
    "database_name",
  ],
  "autoincrement",
];
const PARAMETERS = ["key", "value", "default", "level", "description", "type"];

/** SHOW [TERSE] … [LIKE …] [IN …] [STARTS WITH …] [LIMIT n [FROM …]]; names of columns are in lower case. */
export async function show(execution: Execution, cursor: Cursor): Promise<StoredResult> {
  cursor.expect("SHOW");
  const terse = cursor.take("TERSE");
  const kind = cursor.identifier();
  const what = kind === "PRIMARY" && cursor.take("KEYS") ? "PRIMARY KEYS" : kind;
  cursor.take("HISTORY");
  const filter = readFilter(execution, cursor, what === "COLUMNS");
  cursor.expectEnd();
  const rows = await readRows(execution, what, filter.scope);
  const nameColumn = what === "COLUMNS" ? "column_name" : what === "PARAMETERS" ? "key" : "name";
  const names = terse ? TERSE : columnsOf(what);
  let found = rows.filter((row) => filter.like === undefined || like(row[nameColumn] ?? "", filter.like));
  found = found.filter((row) => (row[nameColumn] ?? "").startsWith(filter.startsWith ?? ""));
  const { from } = filter;
  if (from !== undefined) found = found.filter((row) => (row[nameColumn] ?? "") > from);
  const shown = found.slice(0, filter.limit);
  return smallResult(
    columnTypes(names),
    shown.map((row) => names.map((name) => row[name] ?? null)),
  );
}

function columnsOf(what: string): string[] {
  const all: Record<string, string[]> = { TABLES, VIEWS, SCHEMAS, DATABASES, COLUMNS, PARAMETERS, OBJECTS: TABLES };
  const columns = all[what];
  if (columns !== undefined) return columns;
  if (what === "PRIMARY KEYS")
    return [
      "created_on",
      "database_name",
      "schema_name",
      "table_name",
      "column_name",
      "key_sequence",
      "constraint_name",
      "rely",
      "comment",
    ];
  if (what === "WAREHOUSES" || what === "STREAMS" || what === "STAGES") return ["created_on", "name"];
  throw unsupported(`SHOW ${what}`);
}

const columnTypes = (names: string[]): ResultColumn[] =>
  textColumns(...names).map((column) => ({ ...column, type: TYPES[column.name] ?? column.type }));

interface Place {
  database?: string;
  schema?: string;
  table?: string;
}

function readFilter({ session, warehouse }: Execution, cursor: Cursor, ofTable: boolean) {
  const like = cursor.take("LIKE") ? cursor.string() : undefined;
  let scope: Place = {
    ...(session.database && { database: session.database }),
    ...(session.schema && { schema: session.schema }),
  };
  if (cursor.take("IN") || cursor.take("FOR")) {
    if (cursor.take("ACCOUNT") || cursor.take("SESSION")) scope = {};
    else {
      const kind = cursor.take("DATABASE")
        ? "DATABASE"
        : cursor.take("SCHEMA")
          ? "SCHEMA"
          : cursor.take("TABLE") || cursor.take("VIEW")
            ? "TABLE"
            : undefined;
      const path = cursor.done || isWord(cursor.peek(), "STARTS", "LIMIT") ? [] : cursor.path();
      const [last, before, first] = path.toReversed();
      const table = kind === "TABLE" || (kind === undefined && (ofTable || path.length === 3));
      const database =
        kind === "DATABASE" ||
        (kind === undefined &&
          path.length === 1 &&
          !table &&
          warehouse.catalog.schema(session.database ?? "", last ?? "") === undefined);
      if (table) {
        const found = warehouse.catalog.relation(path, session);
        scope = { database: found.database, schema: found.schema, table: found.name };
      } else if (database) scope = { ...((last ?? session.database) && { database: last ?? session.database }) };
      else scope = { database: before ?? session.database ?? "", schema: last ?? session.schema ?? "" };
      if (first !== undefined && !table) throw cannotOperate();
      if (scope.database !== undefined && warehouse.catalog.database(scope.database) === undefined)
        throw cannotOperate();
      if (scope.schema !== undefined && warehouse.catalog.schema(scope.database ?? "", scope.schema) === undefined)
        throw cannotOperate();
    }
  }
  const startsWith = cursor.take("STARTS", "WITH") ? cursor.string() : undefined;
  const limit = cursor.take("LIMIT") ? cursor.integer() : undefined;
  const from = limit !== undefined && cursor.take("FROM") ? cursor.string() : undefined;
  return { like, scope, startsWith, limit, from };
}

const inside = (scope: Place) => (one: CatalogObject) =>
  (scope.database === undefined || one.database === scope.database) &&
  (scope.schema === undefined || one.schema === scope.schema) &&
  (scope.table === undefined || one.name === scope.table);

const seconds = (ms: number) => (ms / 1000).toFixed(3);

async function readRows(execution: Execution, what: string, scope: Place): Promise<Row[]> {
  const { warehouse, session, connection } = execution;
  const { catalog } = warehouse;
  const relations = catalog.relations(session.id).filter(inside(scope));
  if (what === "DATABASES")
    return catalog
      .all("DATABASE")
      .map((one) => ({ ...base(one), kind: "STANDARD", is_current: yes(one.name === session.database) }));
  if (what === "SCHEMAS") {
    const schemas = catalog
      .all("SCHEMA")
      .filter((one) => scope.database === undefined || one.database === scope.database);
    return schemas.map((one) => ({
      ...base(one),
      kind: null,
      schema_name: null,
      is_current: yes(one.name === session.schema),
    }));
  }
  if (what === "TABLES" || what === "OBJECTS") {
    if (session.database === undefined && scope.database === undefined && what === "OBJECTS")
      throw noDatabase("SHOW OBJECTS");
    const rows: Row[] = [];
    for (const table of relations) {
      if (table.kind === "VIEW" && what === "TABLES") continue;
      await warehouse.load(table);
      rows.push(await tableRow(table));
    }
    return rows;
  }
  if (what === "VIEWS")
    return relations
      .filter(({ kind }) => kind === "VIEW")
      .map((one) => ({
        ...base(one),
        reserved: "",
        kind: "VIEW",
        text: one.query ?? "",
        is_secure: "false",
        is_materialized: "false",
      }));
  if (what === "COLUMNS") return relations.flatMap(columnRows);
  if (what === "PRIMARY KEYS") return relations.flatMap(keyRows);
  if (what === "PARAMETERS") return parameterRows(execution);
  return [];

  async function tableRow(table: Table): Promise<Row> {
    const isView = table.kind === "VIEW";
    const counted = isView
      ? null
      : Number((await connection.runAndReadAll(`SELECT ${rowCountSql(table)}`)).getRowsJS()[0]?.[0]);
    const kind = isView
      ? "VIEW"
      : table.temporary !== undefined
        ? "TEMPORARY"
        : table.transient
          ? "TRANSIENT"
          : "TABLE";
    return {
      ...base(table),
      ...{
        kind,
        cluster_by: "",
        automatic_clustering: "OFF",
        change_tracking: "OFF",
        search_optimization: "OFF",
        is_external: "N",
      },
      rows: counted === null ? null : String(counted),
      bytes: counted === null ? null : String(counted * rowBytes(table)),
    };
  }
}

const yes = (value: boolean) => (value ? "Y" : "N");

const base = (one: CatalogObject): Row => ({
  created_on: seconds(one.created),
  name: one.name,
  database_name: one.database,
  schema_name: one.schema,
  comment: one.comment,
  owner: "ACCOUNTADMIN",
  owner_role_type: "ROLE",
  retention_time: String(one.retentionDays),
  is_default: "N",
  origin: "",
  options: "",
});

function columnRows(table: Table): Row[] {
  return table.columns.map((column) => ({
    table_name: table.name,
    schema_name: table.schema,
    database_name: table.database,
    column_name: column.name,
    data_type: dataTypeJson(column.type, column.nullable),
    "null?": column.nullable ? "true" : "NOT_NULL",
    default: column.default ?? "",
    kind: "COLUMN",
    expression: "",
    comment: column.comment ?? "",
    autoincrement: "",
  }));
}

/** The type as SHOW COLUMNS tells it: JSON. */
function dataTypeJson(type: ColumnType, nullable: boolean): string {
  const { kind, precision, scale, length } = type;
  const json: Record<string, unknown> = { type: kind.toUpperCase() };
  if (kind === "fixed") Object.assign(json, { precision, scale });
  if (kind === "text")
    Object.assign(json, { length: length ?? MAX_TEXT, byteLength: Math.min((length ?? MAX_TEXT) * 4, MAX_TEXT) });
  if (kind === "binary") Object.assign(json, { length, byteLength: length });
  if (kind === "time" || kind.startsWith("timestamp")) Object.assign(json, { precision: 0, scale });
  return JSON.stringify({ ...json, nullable, ...(kind === "text" || kind === "binary" ? { fixed: false } : {}) });
}

function keyRows(table: Table): Row[] {
  return table.columns
    .filter(({ primaryKey }) => primaryKey)
    .map(({ name }, at) => ({
      ...base(table),
      table_name: table.name,
      column_name: name,
      key_sequence: String(at + 1),
      constraint_name: `SYS_CONSTRAINT_${table.id}`,
      rely: "false",
    }));
}

function parameterRows({ session }: Execution): Row[] {
  return session.parameters.list().map(({ name, value }) => ({
    key: name,
    value: String(value),
    default: String(SessionParameters.default(name) ?? ""),
    level: session.parameters.isSet(name) ? "SESSION" : "",
    description: "",
    type: typeof value === "string" ? "STRING" : typeof value === "number" ? "NUMBER" : "BOOLEAN",
  }));
}

/** LIKE without regard to case. */
export function like(text: string, pattern: string): boolean {
  const source = pattern
    .replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")
    .replaceAll("\\\\_", "\u0000")
    .replaceAll("_", ".")
    .replaceAll("\u0000", "_")
    .replaceAll("%", "[\\s\\S]*");
  return new RegExp(`^${source}$`, "i").test(text);
}

/** DESCRIBE {TABLE | VIEW} name. */
export async function describeTable({ warehouse, session }: Execution, cursor: Cursor): Promise<StoredResult> {
  if (!cursor.take("DESCRIBE")) cursor.expect("DESC");
  if (!cursor.take("TABLE") && !cursor.take("VIEW")) throw unsupported("DESCRIBE of anything but tables and views");
  const table = warehouse.catalog.relation(cursor.path(), session);
  const names = [
    ...[
      "name",
      "type",
      "kind",
      "null?",
      "default",
      "primary key",
      "unique key",
      "check",
      "expression",
      "comment",
      "policy name",
    ],
    "privacy domain",
  ];
  const rows = table.columns.map((column) => [
    ...[
      column.name,
      printType(column.type),
      "COLUMN",
      yes(column.nullable),
      column.default ?? null,
      yes(column.primaryKey ?? false),
    ],
    ...["N", null, null, column.comment ?? null, null, null],
  ]);
  return smallResult(textColumns(...names), rows);
}
