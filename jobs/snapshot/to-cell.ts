import {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBValue,
} from "@duckdb/node-api";
import type { Cell } from "../../shared/cell.ts";

type ObjectValue = Extract<DuckDBValue, object>;

/** A decimal of at most 15 digits is printed by a double as it was written. */
const EXACT_LIMIT = 10n ** 15n;

/** The days of dates, and the units of timestamps, that stand for no time; the driver prints most as if they did. */
const INFINITIES = new Map<number | bigint, string>([
  [2 ** 31 - 1, "infinity"],
  [1 - 2 ** 31, "-infinity"],
  [2n ** 63n - 1n, "infinity"],
  [1n - 2n ** 63n, "-infinity"],
]);

/**
 * Encodes a value that DuckDB returned, of a type that is not nested: a number where a double holds it exactly, -0
 * included, else its text. Dates and times are ISO 8601 (instants end in Z, years before the first are told as DuckDB
 * does), blobs base64, NaN and infinities their names.
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
      return value === null ? null : toScalar(value);
  }
}

function toInteger(value: bigint): Cell {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

function toScalar(value: ObjectValue): Cell {
  if (value instanceof DuckDBDecimalValue) return toDecimal(value);
  if (isDateOrTimestamp(value)) return toTime(value);
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes).toString("base64");
  return value.toString();
}

function toDecimal(value: DuckDBDecimalValue): Cell {
  const isExact = value.value < EXACT_LIMIT && value.value > -EXACT_LIMIT;
  return isExact ? Number(value.toString()) : value.toString();
}

type Time =
  | DuckDBDateValue
  | DuckDBTimestampMillisecondsValue
  | DuckDBTimestampNanosecondsValue
  | DuckDBTimestampSecondsValue
  | DuckDBTimestampTZValue
  | DuckDBTimestampValue;

function isDateOrTimestamp(value: ObjectValue): value is Time {
  return (
    value instanceof DuckDBDateValue ||
    value instanceof DuckDBTimestampValue ||
    value instanceof DuckDBTimestampTZValue ||
    value instanceof DuckDBTimestampNanosecondsValue ||
    value instanceof DuckDBTimestampMillisecondsValue ||
    value instanceof DuckDBTimestampSecondsValue
  );
}

function toTime(value: Time): string {
  const infinity = INFINITIES.get(countOf(value));
  if (infinity !== undefined) return infinity;
  // The driver's own text of an instant is in the process's time zone.
  const isInstant = value instanceof DuckDBTimestampTZValue;
  const text = (isInstant ? new DuckDBTimestampValue(value.micros) : value).toString();
  // Only the space before the time: a year may have its "(BC)" before that.
  const iso = text.replace(/ (?=\d)/, "T");
  return isInstant ? `${iso}Z` : iso;
}

function countOf(value: Time): number | bigint {
  if ("days" in value) return value.days;
  if ("micros" in value) return value.micros;
  if ("nanos" in value) return value.nanos;
  return "millis" in value ? value.millis : value.seconds;
}
