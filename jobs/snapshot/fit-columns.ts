import type { DuckDBConnection } from "@duckdb/node-api";
import { quoteName } from "../../shared/quote-sql.ts";
import { askDuckdb, askDuckdbOnce } from "./ask-duckdb.ts";

export interface TypedColumn {
  name: string;
  /** DuckDB's name of the type. */
  type: string;
}

export type Fit =
  | { isCompatible: true /** SQL of each column, over the relation's own. */; sql: string[]; notes: string[] }
  | { isCompatible: false; reason: string };

/** Types whose values can become those of another type without being something else then. */
const FAMILIES = [
  /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL\(.*\))$/,
  /^(FLOAT|DOUBLE)$/,
  /^(VARCHAR|JSON)$/,
  /^TIMESTAMP(_S|_MS|_NS)?$/,
  /^TIME(_NS)?$/,
];

/** How a relation's columns become those that are wanted: new ones are null, gone ones left out, others cast if no value changes. */
export async function fitColumns(
  connection: DuckDBConnection,
  relation: string,
  wanted: TypedColumn[],
  signal: AbortSignal,
): Promise<Fit> {
  const has = await describeColumns(connection, relation, signal);
  const types = new Map(has.map(({ name, type }) => [name, type]));
  const changed = wanted.filter(({ name, type }) => types.has(name) && types.get(name) !== type);
  for (const { name, type } of changed) {
    const was = types.get(name) ?? "";
    if (!FAMILIES.some((family) => family.test(was) && family.test(type)))
      return { isCompatible: false, reason: `column ${name} was ${was} and is ${type} now` };
  }
  const lost = await findLossy(connection, relation, changed, types, signal);
  if (lost !== undefined)
    return {
      isCompatible: false,
      reason: `column ${lost.name} holds values that do not fit ${lost.type}, which it is now`,
    };

  const kept = new Set(wanted.map(({ name }) => name));
  return {
    isCompatible: true,
    sql: wanted.map(({ name, type }) => `${types.has(name) ? quoteName(name) : "NULL"}::${type} AS ${quoteName(name)}`),
    notes: [
      ...wanted.filter(({ name }) => !types.has(name)).map(({ name }) => `column ${name} was added`),
      ...has.filter(({ name }) => !kept.has(name)).map(({ name }) => `column ${name} was dropped`),
      ...changed.map(({ name, type }) => `column ${name} was ${types.get(name)} and is ${type} now`),
    ],
  };
}

export async function describeColumns(
  connection: DuckDBConnection,
  relation: string,
  signal: AbortSignal,
): Promise<TypedColumn[]> {
  const rows = await askDuckdb(connection, `DESCRIBE SELECT * FROM ${relation}`, signal);
  return rows.map(([name, type]) => ({ name: String(name), type: String(type) }));
}

/** The first column with a value that does not come back from its new type as what it was. */
async function findLossy(
  connection: DuckDBConnection,
  relation: string,
  changed: TypedColumn[],
  types: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<TypedColumn | undefined> {
  if (changed.length === 0) return undefined;
  const counts = changed.map(({ name, type }) => {
    const column = quoteName(name);
    return `count(*) FILTER (WHERE TRY(CAST(CAST(${column} AS ${type}) AS ${types.get(name)})) IS DISTINCT FROM ${column})`;
  });
  const found = await askDuckdbOnce(connection, `SELECT ${counts.join(", ")} FROM ${relation}`, signal);
  return changed.find((_, at) => found[at] !== 0n);
}
