import {
  BIGINT,
  BOOLEAN,
  DOUBLE,
  DuckDBListValue,
  type DuckDBPreparedStatement,
  type DuckDBType,
  type DuckDBValue,
  LIST,
  listValue,
  SQLNULL,
  VARCHAR,
} from "@duckdb/node-api";
import type { Json } from "../../shared/db/database.types.ts";
import { QueryFailure } from "./query-failure.ts";

/** Binds a list to `?` and `$1`, an object to `$name`; all that the statement asks for and nothing else. */
export function bindParameters(statement: DuckDBPreparedStatement, parameters: Json): void {
  const wanted = Array.from({ length: statement.parameterCount }, (_, index) => statement.parameterName(index + 1));
  const given = toMap(parameters);
  const missing = wanted.filter((name) => !given.has(name));
  if (missing.length > 0) throw new QueryFailure("sql_error", `The query has no value for ${listNames(missing)}.`);
  const unknown = [...given.keys()].filter((name) => !wanted.includes(name));
  if (unknown.length > 0) throw new QueryFailure("sql_error", `The query asks for no parameter ${listNames(unknown)}.`);
  for (const [index, name] of wanted.entries()) {
    const value = toDuckdb(given.get(name) ?? null);
    statement.bindValue(index + 1, value, typeOf(value));
  }
}

function toMap(parameters: Json): Map<string, Json> {
  if (Array.isArray(parameters)) return new Map(parameters.map((value, index) => [String(index + 1), value]));
  if (typeof parameters !== "object" || parameters === null) return new Map();
  return new Map(Object.entries(parameters).map(([name, value]) => [name, value ?? null]));
}

/** Integers stay integers, so that they can be limits and positions; in a list only if all its numbers are. */
function toDuckdb(value: Json): DuckDBValue {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    throw new QueryFailure("sql_error", "A parameter is a text, a number, true, false, null or a list of these.");
  if (!Array.isArray(value)) return Number.isSafeInteger(value) ? BigInt(Number(value)) : value;
  const hasFractions = value.some((item) => typeof item === "number" && !Number.isSafeInteger(item));
  return listValue(value.map((item) => (hasFractions && typeof item === "number" ? item : toDuckdb(item))));
}

/** BIGINT for integers, which DuckDB itself would take for HUGEINT; of a list the type of its first value. */
function typeOf(value: DuckDBValue): DuckDBType {
  if (typeof value === "bigint") return BIGINT;
  if (typeof value === "number") return DOUBLE;
  if (typeof value === "boolean") return BOOLEAN;
  if (!(value instanceof DuckDBListValue)) return value === null ? SQLNULL : VARCHAR;
  const types = value.items.filter((item) => item !== null).map(typeOf);
  const [first = SQLNULL] = types;
  if (types.every((type) => String(type) === String(first))) return LIST(first);
  throw new QueryFailure("sql_error", "The values of a list that is a parameter must be of one type.");
}

function listNames(names: string[]): string {
  return names.map((name) => `$${name}`).join(", ");
}
