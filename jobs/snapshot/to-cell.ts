import {
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBUnionValue,
  type DuckDBValue,
} from "@duckdb/node-api";

/** A value as JSON carries it without loss. */
export type Cell = null | boolean | number | string;

type Nested = Cell | Nested[] | { [key: string]: Nested };
type ObjectValue = Extract<DuckDBValue, object>;

/** A decimal of at most 15 digits is printed by a double as it was written. */
const EXACT_LIMIT = 10n ** 15n;

/**
 * Encodes a value that DuckDB returned: a number where a double holds it exactly, else its text. Dates and times are
 * ISO 8601 (instants end in Z), blobs base64, NaN and infinities their names, lists and structs JSON in a text.
 */
export function toCell(value: DuckDBValue): Cell {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "bigint":
      return toInteger(value);
    default:
      if (value === null) return null;
      return isNested(value) ? JSON.stringify(toNested(value)) : toScalar(value);
  }
}

function toInteger(value: bigint): Cell {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

function toScalar(value: ObjectValue): Cell {
  if (value instanceof DuckDBDecimalValue) return toDecimal(value);
  if (value instanceof DuckDBTimestampTZValue) return toInstant(value);
  if (isTimestamp(value)) return value.toString().replace(" ", "T");
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes).toString("base64");
  return value.toString();
}

function toDecimal(value: DuckDBDecimalValue): Cell {
  const isExact = value.value < EXACT_LIMIT && value.value > -EXACT_LIMIT;
  return isExact ? Number(value.toString()) : value.toString();
}

/** The driver's own text is in the process's time zone. */
function toInstant(value: DuckDBTimestampTZValue): string {
  const text = new DuckDBTimestampValue(value.micros).toString();
  return value.isFinite ? `${text.replace(" ", "T")}Z` : text;
}

function isTimestamp(value: ObjectValue): boolean {
  return (
    value instanceof DuckDBTimestampValue ||
    value instanceof DuckDBTimestampNanosecondsValue ||
    value instanceof DuckDBTimestampMillisecondsValue ||
    value instanceof DuckDBTimestampSecondsValue
  );
}

function isNested(value: ObjectValue): boolean {
  return (
    value instanceof DuckDBListValue ||
    value instanceof DuckDBArrayValue ||
    value instanceof DuckDBStructValue ||
    value instanceof DuckDBMapValue ||
    value instanceof DuckDBUnionValue
  );
}

function toNested(value: DuckDBValue): Nested {
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) return value.items.map(toNested);
  if (value instanceof DuckDBStructValue)
    return Object.fromEntries(Object.entries(value.entries).map(([name, one]) => [name, toNested(one)]));
  if (value instanceof DuckDBMapValue)
    return value.entries.map((entry) => ({ key: toNested(entry.key), value: toNested(entry.value) }));
  if (value instanceof DuckDBUnionValue) return toNested(value.value);
  return toCell(value);
}
