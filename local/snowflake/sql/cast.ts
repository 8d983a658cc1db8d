import { type ColumnType, duckType, parseType } from "../column-type.ts";
import type { Cursor } from "./cursor.ts";
import { isWord } from "./token-tree.ts";

/** SQL that converts a value to a type. */
export function castSql(value: string, type: ColumnType): string {
  const macros: Partial<Record<ColumnType["kind"], string>> = {
    date: "sf_to_date",
    time: "sf_to_time",
    timestamp_ntz: "sf_to_ntz",
    timestamp_ltz: "sf_to_ltz",
    timestamp_tz: "sf_to_tz",
    variant: "sf_to_variant",
    object: "sf_to_object",
    array: "sf_to_array",
    binary: "sf_to_blob",
    boolean: "sf_to_boolean",
  };
  if (type.kind === "text") {
    const text = `sf_text(${value})`;
    return type.length === undefined || type.length > 1_000_000 ? text : `left(${text}, ${type.length})`;
  }
  const macro = macros[type.kind];
  if (macro === undefined) return `CAST(sf_plain(${value}) AS ${duckType(type)})`;
  const converted = literalMoment(value, type) ?? `${macro}(${value})`;
  if (!type.kind.startsWith("timestamp") || (type.scale ?? 9) >= 9) return converted;
  return `sf_scaled(${converted}, ${10 ** (9 - (type.scale ?? 9))})`;
}

/** Reads a type; TIMESTAMP means what the session says. */
export function typeIn(cursor: Cursor, scope: { timestampMapping: ColumnType["kind"] }): ColumnType {
  const plain = isWord(cursor.peek(), "TIMESTAMP");
  const type = parseType(cursor);
  return plain ? { ...type, kind: scope.timestampMapping } : type;
}

const LITERAL =
  /^'(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)? ?(?:(Z)|([+-])(\d\d):?(\d\d))?'$/;

/** A literal in the usual form is read here: DuckDB would expand a macro for each of its parts. */
function literalMoment(value: string, { kind }: ColumnType): string | undefined {
  const match = kind.startsWith("timestamp") ? LITERAL.exec(value) : null;
  if (match === null || (match[4] === undefined && (match[8] ?? match[9]) !== undefined)) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const date = new Date(0);
  date.setUTCFullYear(year ?? 0, (month ?? 1) - 1, day);
  date.setUTCHours(hour ?? 0, minute, second);
  const valid =
    date.getUTCMonth() + 1 === month &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    (minute ?? 0) < 60 &&
    (second ?? 0) < 60;
  if (!valid) return undefined;
  const nanos = BigInt(date.getTime()) * 1_000_000n + BigInt((match[7] ?? "").padEnd(9, "0"));
  const zone =
    (match[8] ?? match[9]) === undefined
      ? undefined
      : Number(`${match[9] ?? "+"}1`) * (Number(match[10] ?? 0) * 60 + Number(match[11] ?? 0));
  const wall = `{'ntz': (${nanos})::HUGEINT}`;
  if (kind === "timestamp_ntz") return wall;
  if (zone === undefined) return kind === "timestamp_ltz" ? `sf_to_ltz(${wall})` : `sf_to_tz(${wall})`;
  const utc = `(${nanos - BigInt(zone) * 60_000_000_000n})::HUGEINT`;
  return kind === "timestamp_ltz" ? `{'ltz': ${utc}}` : `{'tz': ${utc}, 'off': (${zone})::SMALLINT}`;
}
