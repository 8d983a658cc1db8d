import { Cursor, commaSeparated } from "./cursor.ts";
import { type Field, fieldSql, parseError, parseField, parseName, type Relation } from "./field.ts";
import { RestError } from "./rest-error.ts";
import { type Bindings, quoteName } from "./sql.ts";

type Item = "*" | { field: Field; alias: string | undefined; cast: string | undefined };

/** What a cast may name, and what Postgres calls it. */
const CASTS: Record<string, string> = {
  bool: "bool",
  boolean: "bool",
  smallint: "int2",
  int2: "int2",
  int: "int4",
  integer: "int4",
  int4: "int4",
  bigint: "int8",
  int8: "int8",
  real: "float4",
  float4: "float4",
  "double precision": "float8",
  float8: "float8",
  numeric: "numeric",
  text: "text",
  varchar: "varchar",
  uuid: "uuid",
  date: "date",
  time: "time",
  timestamp: "timestamp",
  timestamptz: "timestamptz",
  interval: "interval",
  json: "json",
  jsonb: "jsonb",
};

/** The columns of a `select` parameter as SQL; without one, all of them. */
export function selectSql(select: string | undefined, relation: Relation, bindings: Bindings): string {
  const items = select === undefined || select === "" ? (["*"] as const) : parseItems(select);
  return items.map((item) => itemSql(item, relation, bindings)).join(", ");
}

function parseItems(select: string): Item[] {
  const cursor = new Cursor(select);
  const items = commaSeparated(cursor, parseItem);
  if (!cursor.atEnd) throw parseError(cursor);
  return items;
}

function parseItem(cursor: Cursor): Item {
  if (cursor.take("*")) return "*";
  const alias = cursor.match(/(?:"[^"]*"|[^":,()]+):(?!:)/)?.slice(0, -1);
  const field = parseField(cursor);
  refuseEmbedding(cursor, field);
  const cast = cursor.take("::") ? parseName(cursor) : undefined;
  return { field, alias: alias?.replace(/^"(.*)"$/, "$1"), cast };
}

/** One table at a time: joins and aggregates are not part of what this gateway speaks. */
function refuseEmbedding(cursor: Cursor, field: Field): void {
  if (cursor.match(/\.(?:sum|avg|min|max|count)\(\)/) !== undefined || cursor.match(/\(\)/) !== undefined) {
    throw new RestError(400, { code: "PGRST123", message: "Use of aggregate functions is not allowed" });
  }
  if (cursor.match(/!?[\w]*\(/) === undefined) return;
  throw new RestError(400, {
    code: "PGRST200",
    message: `Could not find a relationship to '${field.column}' in the schema cache`,
    details: "Embedded resources are not served by the local gateway.",
    hint: "Read the other table by itself, or call a function.",
  });
}

function itemSql(item: Item, relation: Relation, bindings: Bindings): string {
  if (item === "*") return "pgrst_row.*";
  const value = fieldSql(item.field, relation, bindings);
  const cast = item.cast === undefined ? value : `cast((${value}) as pg_catalog.${castType(item.cast)})`;
  const name = item.alias ?? item.field.path.findLast(({ key }) => !/^-?\d+$/.test(key))?.key ?? item.field.column;
  return `${cast} as ${quoteName(name)}`;
}

function castType(cast: string): string {
  const type = CASTS[cast.toLowerCase()];
  if (type === undefined) throw new RestError(400, { code: "42704", message: `type "${cast}" does not exist` });
  return type;
}
