import type { DuckDBType } from "@duckdb/node-api";
import { DuckDBTypeId } from "@duckdb/node-api";
import { SnowflakeError, unsupported } from "./snowflake-error.ts";
import type { Cursor } from "./sql/cursor.ts";

/** A Snowflake type, named as results name it on the wire. */
export interface ColumnType {
  kind:
    | "fixed"
    | "real"
    | "text"
    | "boolean"
    | "date"
    | "time"
    | "timestamp_ntz"
    | "timestamp_ltz"
    | "timestamp_tz"
    | "variant"
    | "object"
    | "array"
    | "binary";
  /** Digits of `fixed`; of times those of the fraction in `scale`. */
  precision?: number;
  scale?: number;
  length?: number;
}

export const MAX_TEXT = 16_777_216;
const MAX_BINARY = 8_388_608;
const INTEGERS = ["INT", "INTEGER", "BIGINT", "SMALLINT", "TINYINT", "BYTEINT"];
const FLOATS = ["FLOAT", "FLOAT4", "FLOAT8", "DOUBLE", "REAL"];
const TEXTS = ["VARCHAR", "STRING", "TEXT", "NVARCHAR", "NVARCHAR2"];
const CHARS = ["CHAR", "CHARACTER", "NCHAR"];
const MOMENTS: Record<string, ColumnType["kind"]> = {
  TIMESTAMP: "timestamp_ntz",
  DATETIME: "timestamp_ntz",
  TIMESTAMP_NTZ: "timestamp_ntz",
  TIMESTAMPNTZ: "timestamp_ntz",
  TIMESTAMP_LTZ: "timestamp_ltz",
  TIMESTAMPLTZ: "timestamp_ltz",
  TIMESTAMP_TZ: "timestamp_tz",
  TIMESTAMPTZ: "timestamp_tz",
  TIME: "time",
};
const TYPE_NAMES = new Set([
  ...["NUMBER", "DECIMAL", "NUMERIC", "DEC", "BOOLEAN", "DATE", "VARIANT", "OBJECT", "ARRAY", "BINARY", "VARBINARY"],
  ...[...INTEGERS, ...FLOATS, ...TEXTS, ...CHARS, ...Object.keys(MOMENTS)],
]);

/** Nanoseconds do not fit DuckDB's timestamps from year 1 to 9999: these structs hold them, and tell the type. */
export const NTZ = "STRUCT(ntz HUGEINT)";
export const LTZ = "STRUCT(ltz HUGEINT)";
export const TZ = "STRUCT(tz HUGEINT, off SMALLINT)";
/** JSON text; a struct because DuckDB's JSON is hardly told from text. */
export const VARIANT = "STRUCT(variant VARCHAR)";
export const OBJECT = "STRUCT(object VARCHAR)";
export const ARRAY = "STRUCT(array VARCHAR)";

const DUCK: Record<ColumnType["kind"], string> = {
  fixed: "DECIMAL",
  real: "DOUBLE",
  text: "VARCHAR",
  boolean: "BOOLEAN",
  date: "DATE",
  time: "TIME_NS",
  timestamp_ntz: NTZ,
  timestamp_ltz: LTZ,
  timestamp_tz: TZ,
  variant: VARIANT,
  object: OBJECT.replace("object", '"object"'),
  array: ARRAY.replace("array", '"array"'),
  binary: "BLOB",
};

/** Reads a type's name and its arguments. */
export function parseType(cursor: Cursor): ColumnType {
  const start = cursor.peek();
  if (start?.kind !== "word" || !TYPE_NAMES.has(start.text)) {
    if (start?.kind !== "word") throw cursor.unexpected();
    throw new SnowflakeError("002040", "42601", `SQL compilation error:\nUnsupported data type '${start.text}'.`);
  }
  const name = cursor.identifier();
  cursor.take("PRECISION");
  cursor.take("VARYING");
  const sized = cursor.takeGroup();
  const sizes = sized?.items.flatMap((node) => (node.kind === "number" ? [Number(node.text)] : [])) ?? [];
  const [first, second] = sizes;
  if (INTEGERS.includes(name)) return { kind: "fixed", precision: 38, scale: 0 };
  if (FLOATS.includes(name)) return { kind: "real" };
  if (TEXTS.includes(name)) return { kind: "text", length: first ?? MAX_TEXT };
  if (CHARS.includes(name)) return { kind: "text", length: first ?? 1 };
  const moment = MOMENTS[name];
  if (moment !== undefined) return { kind: moment, precision: 0, scale: first ?? 9 };
  if (name === "BINARY" || name === "VARBINARY") return { kind: "binary", length: first ?? MAX_BINARY };
  if (name === "BOOLEAN" || name === "DATE") return { kind: name === "DATE" ? "date" : "boolean" };
  if (name === "VARIANT") return { kind: "variant" };
  if (name === "OBJECT" || name === "ARRAY") {
    if (sized !== undefined) throw unsupported("STRUCTURED TYPES");
    return { kind: name === "ARRAY" ? "array" : "object" };
  }
  const precision = first ?? 38;
  const scale = second ?? 0;
  if (precision < 1 || precision > 38 || scale > precision || scale > 37)
    throw new SnowflakeError("003001", "22023", `SQL compilation error:\nInvalid number precision: ${precision}.`);
  return { kind: "fixed", precision, scale };
}

export const isTypeName = (word: string) => TYPE_NAMES.has(word);

/** The DuckDB type that holds it without loss. */
export function duckType({ kind, precision = 38, scale = 0 }: ColumnType): string {
  return kind === "fixed" ? `DECIMAL(${precision},${scale})` : DUCK[kind];
}

/** The type's name as DESCRIBE prints it. */
export function printType({ kind, precision = 38, scale = 0, length }: ColumnType): string {
  if (kind === "fixed") return `NUMBER(${precision},${scale})`;
  if (kind === "text") return `VARCHAR(${length ?? MAX_TEXT})`;
  if (kind === "binary") return `BINARY(${length ?? MAX_BINARY})`;
  if (kind === "real") return "FLOAT";
  if (kind === "time" || kind.startsWith("timestamp")) return `${kind.toUpperCase()}(${scale})`;
  return kind.toUpperCase();
}

/** The type's name in INFORMATION_SCHEMA.COLUMNS. */
export function typeName({ kind }: ColumnType): string {
  const names: Partial<Record<ColumnType["kind"], string>> = { fixed: "NUMBER", real: "FLOAT" };
  return names[kind] ?? kind.toUpperCase();
}

const INTEGER_DIGITS: Partial<Record<DuckDBTypeId, number>> = {
  [DuckDBTypeId.TINYINT]: 3,
  [DuckDBTypeId.UTINYINT]: 3,
  [DuckDBTypeId.SMALLINT]: 5,
  [DuckDBTypeId.USMALLINT]: 5,
  [DuckDBTypeId.INTEGER]: 10,
  [DuckDBTypeId.UINTEGER]: 10,
  [DuckDBTypeId.BIGINT]: 19,
  [DuckDBTypeId.UBIGINT]: 20,
  [DuckDBTypeId.HUGEINT]: 38,
  [DuckDBTypeId.UHUGEINT]: 38,
};

/** The Snowflake type of what a DuckDB query returns. */
export function fromDuckType(type: DuckDBType): ColumnType {
  const digits = INTEGER_DIGITS[type.typeId];
  if (digits !== undefined) return { kind: "fixed", precision: digits, scale: 0 };
  const text = type.toString();
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(text);
  if (decimal) return { kind: "fixed", precision: Number(decimal[1]), scale: Number(decimal[2]) };
  const field = /^STRUCT\("(\w+)"/.exec(text)?.[1];
  if (field === "ntz" || field === "ltz" || field === "tz")
    return { kind: `timestamp_${field}`, precision: 0, scale: 9 };
  if (field === "variant" || field === "object" || field === "array") return { kind: field };
  if (type.typeId === DuckDBTypeId.DOUBLE || type.typeId === DuckDBTypeId.FLOAT) return { kind: "real" };
  if (type.typeId === DuckDBTypeId.BOOLEAN) return { kind: "boolean" };
  if (type.typeId === DuckDBTypeId.DATE) return { kind: "date" };
  if (text === "TIME_NS" || text === "TIME") return { kind: "time", precision: 0, scale: 9 };
  if (type.typeId === DuckDBTypeId.BLOB) return { kind: "binary", length: MAX_BINARY };
  if (type.typeId === DuckDBTypeId.VARCHAR || text === '"NULL"' || type.typeId === DuckDBTypeId.SQLNULL)
    return { kind: "text", length: MAX_TEXT };
  throw unsupported(`a result of type ${text}`);
}

const NANO = "0.000000001::DECIMAL(10,9)";
const seconds = (nanos: string) => `((${nanos})::DECIMAL(38,0) * ${NANO})::VARCHAR`;

/** SQL that writes a value as a result's JSON cell: text or null. */
export function cellSql({ kind }: ColumnType, value: string): string {
  if (kind === "real")
    return `CASE WHEN isnan(${value}) THEN 'NaN' WHEN isinf(${value}) THEN CASE WHEN ${value} > 0 THEN 'inf' ELSE '-inf' END ELSE (${value})::VARCHAR END`;
  // Node's driver takes "true" as well, Python's does not.
  if (kind === "boolean") return `(${value})::INTEGER::VARCHAR`;
  if (kind === "date") return `(${value} - DATE '1970-01-01')::VARCHAR`;
  if (kind === "time") return seconds(`epoch_ns((${value})::TIME_NS)`);
  if (kind === "timestamp_ntz") return seconds(`${value}.ntz`);
  if (kind === "timestamp_ltz") return seconds(`${value}.ltz`);
  if (kind === "timestamp_tz") return `${seconds(`${value}.tz`)} || ' ' || (${value}.off + 1440)::VARCHAR`;
  if (kind === "binary") return `hex(${value})`;
  if (kind === "variant" || kind === "object" || kind === "array") return `${value}."${kind}"`;
  return `(${value})::VARCHAR`;
}
