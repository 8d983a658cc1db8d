import { quoteName } from "../../shared/quote-sql.ts";
import type { CertifiedColumn } from "../snapshot/certified-column.ts";
import type { SourceType } from "../snowflake/source-column.ts";
import { jsonOperandSql } from "../snowflake/sql.ts";
import type { ColumnPlan } from "./plan-columns.ts";
import { toBigint } from "./to-bigint.ts";

/**
 * How a snapshot holds Snowflake's types. What several forms are possible for takes the first that all of its values
 * fit, so that the values alone decide, not the way by which they came:
 *
 * | Snowflake | DuckDB |
 * |---|---|
 * | NUMBER(p,0), p ≤ 4, 9, 18 | SMALLINT, INTEGER, BIGINT |
 * | NUMBER(p,0), p ≥ 19 | BIGINT if all values fit, else DECIMAL(p,0) |
 * | NUMBER(p,s) | DECIMAL(p,s) |
 * | FLOAT | DOUBLE |
 * | DECFLOAT | VARCHAR |
 * | VARCHAR | VARCHAR |
 * | BINARY | BLOB |
 * | BOOLEAN, DATE | BOOLEAN, DATE |
 * | TIME(0…6) | TIME |
 * | TIME(7…9) | TIME if all values are whole microseconds, else TIME and the exact text |
 * | TIMESTAMP_NTZ(0…6) | TIMESTAMP |
 * | TIMESTAMP_NTZ(7…9) | TIMESTAMP_NS if all values fit (1677 to 2262), else TIMESTAMP, and the exact text if one has nanoseconds |
 * | TIMESTAMP_LTZ | as TIMESTAMP_NTZ, in UTC |
 * | TIMESTAMP_TZ | as TIMESTAMP_NTZ, in UTC, and the offset in minutes as SMALLINT |
 * | VARIANT, OBJECT, ARRAY, MAP, VECTOR | JSON, as TO_JSON writes it; VARCHAR if that is no JSON (an array's `undefined`) |
 * | GEOGRAPHY, GEOMETRY | JSON: GeoJSON |
 *
 * `X_OFFSET` and `X_EXACT` are the names of what stands beside column X.
 */
export type Form = "declared" | "bigint" | "json" | "nanoseconds" | "microseconds" | "microseconds_and_text";

/** What is known of the values of a column as they are read: of integers and of nanoseconds, or of JSON texts. */
export type Evidence =
  | { kind: "integers"; min: bigint; max: bigint; isWholeMicros: boolean }
  | { kind: "texts"; isJson: boolean };

/** A column of the snapshot's table. */
export interface StoredColumn {
  name: string;
  type: string;
  sourceType: string;
  nullable: boolean;
  /** DuckDB's SQL of it, over the columns that were read. */
  sql: string;
}

const BIGINT_MAX = 2n ** 63n - 1n;
/** DuckDB's TIMESTAMP_NS begins with a whole day, and its last value means infinity. */
const NANOSECONDS_MIN = -9_223_286_400_000_000_000n;
const NANOSECONDS_MAX = BIGINT_MAX - 1n;
const MICROSECOND_DIGITS = 6;
const BIGINT_DIGITS = 18;

/** Whether the values decide how the column is held. */
export function isElastic({ source: { type } }: ColumnPlan): boolean {
  if (type.kind === "json") return true;
  if (type.kind === "number") return type.scale === 0 && type.precision > BIGINT_DIGITS;
  return isTime(type) && type.scale > MICROSECOND_DIGITS;
}

const isTime = (type: SourceType): type is Extract<SourceType, { kind: "time" | `timestamp_${string}` }> =>
  type.kind === "time" || type.kind.startsWith("timestamp");

/** The form that holds all values; evidence is undefined where there are none. */
export function chooseForm(plan: ColumnPlan, evidence: Evidence | undefined): Form {
  const { type } = plan.source;
  if (type.kind === "json") return evidence?.kind === "texts" && !evidence.isJson ? "declared" : "json";
  if (!isElastic(plan)) return isTime(type) ? "microseconds" : "declared";
  const values = evidence?.kind === "integers" ? evidence : { min: 0n, max: 0n, isWholeMicros: true };
  const fits = (low: bigint, high: bigint) => values.min >= low && values.max <= high;
  if (type.kind === "number") return fits(-BIGINT_MAX - 1n, BIGINT_MAX) ? "bigint" : "declared";
  if (type.kind !== "time" && fits(NANOSECONDS_MIN, NANOSECONDS_MAX)) return "nanoseconds";
  return values.isWholeMicros ? "microseconds" : "microseconds_and_text";
}

/** The columns that one column becomes. `read` is SQL of what was read, by its name there. */
export function storedColumns(plan: ColumnPlan, form: Form, read: (staged: string) => string): StoredColumn[] {
  const { source, staged, stagedOffset, name, offsetName, exactName } = plan;
  const { type, printed, nullable } = source;
  const value = read(staged.name);
  const column = (of: string, duckType: string, sql: string, sourceType = printed): StoredColumn => ({
    ...{ name: of, type: duckType, sourceType, nullable, sql },
  });
  if (!isTime(type)) return [column(name, declaredType(type, form), declaredSql(type, form, value))];
  const columns =
    form === "nanoseconds"
      ? [column(name, "TIMESTAMP_NS", `make_timestamp_ns(${toBigint(value)})`)]
      : [column(name, type.kind === "time" ? "TIME" : "TIMESTAMP", microsecondsSql(type, value))];
  if (form === "microseconds_and_text") columns.push(column(exactName, "VARCHAR", exactSql(type, value), beside(plan)));
  if (stagedOffset !== undefined)
    columns.push(column(offsetName, "SMALLINT", `(${read(stagedOffset.name)})::SMALLINT`, beside(plan)));
  return columns;
}

/** What a column beside another says it came from. */
const beside = ({ source, name }: ColumnPlan) => `${source.printed} of ${name}`;

/** Whether a snapshot's column stands beside another, which it belongs to. */
export const isBeside = (sourceType: string) => / of /.test(sourceType);

/** What is compared to prove that the columns arrived. */
export function certifiedColumns(plan: ColumnPlan, form: Form): CertifiedColumn[] {
  const { source, name, offsetName, exactName } = plan;
  const { type } = source;
  const own = quoteName(source.name);
  const named = { name, ...(source.name === name ? {} : { sourceSql: own }) };
  switch (type.kind) {
    case "number":
      return [{ ...named, kind: "number", scale: type.scale }];
    case "json":
      return [{ ...named, kind: "json", sourceSql: jsonOperandSql(own, type.as) }];
    case "decfloat":
      return [{ name, kind: "text", sourceSql: `TO_VARCHAR(${own})` }];
    case "time":
      return [{ ...named, kind: "time", ...(form === "microseconds_and_text" ? { textColumn: exactName } : {}) }];
    case "timestamp_ntz":
    case "timestamp_ltz":
    case "timestamp_tz":
      return [
        {
          ...{ ...named, kind: type.kind },
          ...(form === "microseconds_and_text" ? { textColumn: exactName } : {}),
          ...(type.kind === "timestamp_tz" ? { offsetColumn: offsetName } : {}),
        },
      ];
    default:
      return [{ ...named, kind: type.kind }];
  }
}

function declaredType(type: SourceType, form: Form): string {
  if (type.kind === "number") {
    if (type.scale > 0) return `DECIMAL(${type.precision},${type.scale})`;
    if (form === "bigint") return "BIGINT";
    if (type.precision > BIGINT_DIGITS) return `DECIMAL(${type.precision},0)`;
    return type.precision <= 4 ? "SMALLINT" : type.precision <= 9 ? "INTEGER" : "BIGINT";
  }
  const types: Partial<Record<SourceType["kind"], string>> = {
    ...{ float: "DOUBLE", boolean: "BOOLEAN", date: "DATE", binary: "BLOB" },
  };
  return form === "json" ? "JSON" : (types[type.kind] ?? "VARCHAR");
}

function declaredSql(type: SourceType, form: Form, value: string): string {
  if (type.kind === "date") return `DATE '1970-01-01' + (${value})::INTEGER`;
  return form === "bigint" ? toBigint(value) : `(${value})::${declaredType(type, form)}`;
}

/** Division and remainder of integers cut toward zero, also of times before 1970: these go down. */
const floorMicros = (value: string) => {
  const micros = (of: string) => `(${of} - ${fraction(of, 1000)}) // 1000`;
  // DuckDB divides 64 bits many times faster than 128.
  return `CASE WHEN (${value}) BETWEEN ${NANOSECONDS_MIN} AND ${NANOSECONDS_MAX} THEN ${micros(`(${toBigint(value)})`)}
    ELSE (${micros(`(${value})::HUGEINT`)})::BIGINT END`;
};
const fraction = (value: string, unit: number) => `((${value} % ${unit} + ${unit}) % ${unit})`;

function microsecondsSql(type: SourceType, value: string): string {
  const moment = `make_timestamp(${floorMicros(value)})`;
  return type.kind === "time" ? `${moment}::TIME` : moment;
}

function exactSql(type: SourceType, value: string): string {
  const clock = type.kind === "time" ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S";
  const nanos = fraction(`(${value})::HUGEINT`, 1_000_000_000);
  return `strftime(make_timestamp(${floorMicros(value)}), '${clock}') || '.' || lpad(${nanos}::VARCHAR, 9, '0')`;
}
