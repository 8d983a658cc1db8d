import { quoteName } from "../../shared/quote-sql.ts";
import type { CertifiedColumn } from "./certified-column.ts";

/** An expression of each dialect; both mean the same. */
export interface Both {
  source: string;
  snapshot: string;
}

const SECOND_NS = 1_000_000_000n;
const WHOLE = /^(TINY|SMALL|BIG|HUGE)INT$|^INTEGER$/;

/**
 * A column's value as an exact number: dates in days since 1970, times in nanoseconds since midnight, moments in those
 * since 1970 in UTC. Undefined for what is no number. `type` is DuckDB's name of the column's type.
 */
export function numberOf(column: CertifiedColumn, type: string): Both | undefined {
  const value = bothOf(column);
  switch (column.kind) {
    case "number":
      return decimalOf(value, column.scale, type);
    case "date":
      return daysOf(value);
    case "time":
      return clockOf(value, column.textColumn, type);
    case "timestamp_ntz":
    case "timestamp_ltz":
    case "timestamp_tz":
      return instantOf(value, column, type);
    default:
      return undefined;
  }
}

/** The column itself. */
export const bothOf = ({ name, sourceSql }: CertifiedColumn): Both => ({
  source: sourceSql ?? quoteName(name),
  snapshot: quoteName(name),
});

/** Minutes that the clock is ahead of UTC, which the snapshot holds in a column of its own. */
export const offsetOf = ({ source }: Both, column: string): Both => ({
  source: `DATEDIFF(MINUTE, CONVERT_TIMEZONE('UTC', ${source})::TIMESTAMP_NTZ, ${source}::TIMESTAMP_NTZ)::NUMBER(38,0)`,
  snapshot: quoteName(column),
});

/**
 * What holds the numbers exactly is left as it is, since wider types take DuckDB several times as long; but for decimals
 * without a digit before the point, which it prints without a zero there.
 */
function decimalOf({ source, snapshot }: Both, scale: number, type: string): Both {
  const [, width = 0, own] = (/^DECIMAL\((\d+),(\d+)\)$/.exec(type) ?? []).map(Number);
  const isExact = own === undefined ? scale === 0 && WHOLE.test(type) : own === scale && width > scale;
  return {
    source: `${source}::NUMBER(38,${scale})`,
    snapshot: isExact ? snapshot : `${snapshot}::DECIMAL(38,${scale})`,
  };
}

const daysOf = ({ source, snapshot }: Both): Both => ({
  source: `DATEDIFF(DAY, '1970-01-01'::DATE, ${source})::NUMBER(38,0)`,
  snapshot: `(${snapshot} - DATE '1970-01-01')`,
});

function clockOf({ source, snapshot }: Both, textColumn: string | undefined, type: string): Both {
  const plain = type === "TIME" ? `epoch_ns(${snapshot})` : `${snapshot}::HUGEINT`;
  return {
    source: `DATEDIFF(NANOSECOND, '00:00:00'::TIME, ${source})::NUMBER(38,0)`,
    snapshot: textColumn === undefined ? plain : exactNanosOf(snapshot, quoteName(textColumn), "TIME"),
  };
}

/** DATEDIFF counts the seconds that begin in between, also before 1970, so that the field NANOSECOND always adds to them. */
function instantOf(
  { source, snapshot }: Both,
  { kind, textColumn }: Extract<CertifiedColumn, { kind: `timestamp_${string}` }>,
  type: string,
): Both {
  const clock = kind === "timestamp_ntz" ? source : `CONVERT_TIMEZONE('UTC', ${source})::TIMESTAMP_NTZ`;
  const seconds = `DATEDIFF(SECOND, '1970-01-01'::TIMESTAMP_NTZ, ${clock})::NUMBER(38,0)`;
  return {
    source: `(${seconds} * ${SECOND_NS} + DATE_PART(NANOSECOND, ${clock}))`,
    snapshot:
      textColumn === undefined ? nanosOf(snapshot, type) : exactNanosOf(snapshot, quoteName(textColumn), "TIMESTAMP"),
  };
}

function nanosOf(value: string, type: string): string {
  return type === "TIMESTAMP_NS" ? `epoch_ns(${value})` : `epoch_us(${value})::HUGEINT * 1000`;
}

/** Of the text, but null where what stands beside it says something else. */
function exactNanosOf(value: string, text: string, type: "TIME" | "TIMESTAMP"): string {
  const micros = `left(${text}, -3)::${type}`;
  return `CASE WHEN ${value}::${type} = ${micros} THEN epoch_us(${micros})::HUGEINT * 1000 + right(${text}, 3)::HUGEINT END`;
}
