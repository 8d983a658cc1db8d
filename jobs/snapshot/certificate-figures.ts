import type { CertifiedColumn } from "./certified-column.ts";
import { type DoubleDialect, type DoubleRange, exactDoubleSql, scaledDoubleSql } from "./exact-double.ts";
import { quoteName } from "./quote-sql.ts";

/** An expression of each dialect; both mean the same. */
export interface Both {
  source: string;
  snapshot: string;
}

/** An aggregate that both sides are asked for, as text. */
export interface Figure extends Both {
  /** `not_finite` counts NaN, inf and -inf. */
  label: "present" | "not_finite" | "min" | "max" | "sum" | "checksum";
  /** Compares the two; equal texts when left out. */
  agrees?: (source: string, snapshot: string) => boolean;
  /** How people read it. */
  show?: (value: string) => string;
}

/** What the snapshot tells of a column beforehand. */
export interface Facts {
  /** DuckDB's name of the column's type. */
  type: string;
  rows: bigint;
  /** Of numbers: the largest absolute value, as decimal text. */
  largest: string | null;
  /** Of doubles. */
  range: DoubleRange;
}

/** A column with all that is compared of it. */
export interface ComparedColumn {
  name: string;
  figures: Figure[];
}

const SUM_LIMIT = 10n ** 38n;
/** What is told of the least and the largest text, in characters, and of binaries, in bytes. */
const SHOWN = 32;
/** Snowflake's documentation promises no more digits of a double than these. */
const DOUBLE_TOLERANCE = 1e-14;
const DAY_MS = 86_400_000;
const SECOND_NS = 1_000_000_000n;

/** The figures of a column, and of the one with its offsets from UTC; those that cost an MD5 per value on request. */
export function figuresOf(column: CertifiedColumn, facts: Facts, withChecksums: boolean): ComparedColumn[] {
  const source = column.sourceSql ?? quoteName(column.name);
  const snapshot = quoteName(column.name);
  const value = { source, snapshot };
  const made = figuresOfValue(column, value, facts);
  const all = [{ name: column.name, ...made }];
  if (column.kind === "timestamp_tz" && column.offsetColumn !== undefined)
    all.push({ name: column.offsetColumn, ...integerFigures(offsetOf(source, column.offsetColumn)) });
  return all.map(({ name, canonical, figures }) => {
    const isProven = canonical === null || figures.some(({ label }) => label === "checksum");
    return { name, figures: withChecksums && !isProven ? [...figures, checksum(canonical)] : figures };
  });
}

interface Made {
  figures: Figure[];
  /** The text whose MD5 is summed. */
  canonical: Both | null;
}

function figuresOfValue(column: CertifiedColumn, value: Both, facts: Facts): Made {
  switch (column.kind) {
    case "number":
      return numberFigures(value, column.scale, facts);
    case "float":
      return floatFigures(value, facts.range);
    case "boolean":
      return {
        figures: [present(value), sumOf(mapBoth(value, (of) => `CASE WHEN ${of} THEN 1 ELSE 0 END`))],
        canonical: null,
      };
    case "date":
      return integerFigures(daysOf(value), showDays);
    case "time":
      return integerFigures(clockOf(value, column.textColumn, facts.type), (nanos) => showNanos(nanos).slice(11));
    case "timestamp_ntz":
    case "timestamp_ltz":
    case "timestamp_tz":
      return integerFigures(instantOf(value, column, facts.type), showNanos);
    case "text":
      return textFigures(value);
    case "json":
      return jsonFigures(value);
    case "binary":
      return binaryFigures(value);
  }
}

function numberFigures(value: Both, scale: number, { rows, largest }: Facts): Made {
  const number = {
    source: `${value.source}::NUMBER(38,${scale})`,
    snapshot: `${value.snapshot}::DECIMAL(38,${scale})`,
  };
  const digits = BigInt((largest ?? "0").replace(".", ""));
  const canonical = toText(number);
  const ends = [present(value), minOf(number), maxOf(number)];
  // Neither engine can add up what has more than 38 digits.
  return { figures: [...ends, digits * rows < SUM_LIMIT ? sumOf(number) : checksum(canonical)], canonical };
}

function integerFigures(value: Both, show?: (value: string) => string): Made {
  const shown = show === undefined ? {} : { show };
  const ends = [minOf(value), maxOf(value)].map((figure) => ({ ...figure, ...shown }));
  return { figures: [present(value), ...ends, sumOf(value)], canonical: toText(value) };
}

const SNOWFLAKE_DOUBLES: DoubleDialect = {
  powerOfTwo: (exponent) => `POWER(2, ${exponent})`,
  toInteger: (double) => `${double}::NUMBER(38,0)`,
  toText: (integer) => `TO_VARCHAR(${integer})`,
};
const DUCKDB_DOUBLES: DoubleDialect = {
  powerOfTwo: (exponent) => `power(2::DOUBLE, ${exponent})`,
  toInteger: (double) => `${double}::HUGEINT`,
  toText: (integer) => `(${integer})::VARCHAR`,
};

function floatFigures(value: Both, range: DoubleRange): Made {
  const finite = mapBoth(value, (of) => `CASE WHEN ABS(${of}) < 'inf'::FLOAT8 THEN ${of} END`);
  const specials = ["NaN", "inf", "-inf"];
  const notFinite = mapBoth(value, (of) =>
    specials
      .map((name) => `CAST(COUNT(CASE WHEN ${of} = '${name}'::FLOAT8 THEN 1 END) AS VARCHAR)`)
      .join(" || ' ' || "),
  );
  const ends = [minOf(finite), maxOf(finite)].map((figure) => ({ ...figure, agrees: areClose }));
  const scaled = {
    source: scaledDoubleSql(value.source, range, SNOWFLAKE_DOUBLES),
    snapshot: scaledDoubleSql(value.snapshot, range, DUCKDB_DOUBLES),
  };
  return {
    figures: [present(value), { label: "not_finite", ...notFinite }, ...ends, sumOf(scaled)],
    canonical: {
      source: exactDoubleSql(value.source, range, SNOWFLAKE_DOUBLES),
      snapshot: exactDoubleSql(value.snapshot, range, DUCKDB_DOUBLES),
    },
  };
}

function textFigures(value: Both): Made {
  // Bytes have one order; texts may have a collation's.
  const start = {
    source: `HEX_ENCODE(LEFT(${value.source}, ${SHOWN}))`,
    snapshot: `hex(encode(left(${value.snapshot}, ${SHOWN})))`,
  };
  const ends = [minOf(start), maxOf(start)].map((figure) => ({ ...figure, show: showHex }));
  return { figures: [present(value), ...ends, sumOf(octets(value))], canonical: value };
}

function jsonFigures(value: Both): Made {
  const text = { source: `TO_JSON(${value.source})`, snapshot: `${value.snapshot}::VARCHAR` };
  return { figures: [present(text), sumOf(octets(text))], canonical: text };
}

function binaryFigures(value: Both): Made {
  const hex = { source: `HEX_ENCODE(${value.source})`, snapshot: `hex(${value.snapshot})` };
  const start = mapBoth(hex, (of) => `LEFT(${of}, ${2 * SHOWN})`);
  return { figures: [present(value), minOf(start), maxOf(start), sumOf(octets(hex))], canonical: hex };
}

const daysOf = ({ source, snapshot }: Both): Both => ({
  source: `DATEDIFF(DAY, '1970-01-01'::DATE, ${source})`,
  snapshot: `(${snapshot} - DATE '1970-01-01')::HUGEINT`,
});

/** Nanoseconds since midnight. */
function clockOf({ source, snapshot }: Both, textColumn: string | undefined, type: string): Both {
  const plain = type === "TIME" ? `epoch_ns(${snapshot})::HUGEINT` : `${snapshot}::HUGEINT`;
  return {
    source: `DATEDIFF(NANOSECOND, '00:00:00'::TIME, ${source})`,
    snapshot: textColumn === undefined ? plain : exactNanosOf(snapshot, quoteName(textColumn), "TIME"),
  };
}

/**
 * Nanoseconds since 1970 in UTC. DATEDIFF counts the seconds that begin in between, also before 1970, so that the field
 * NANOSECOND always adds to them.
 */
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
  return type === "TIMESTAMP_NS" ? `epoch_ns(${value})::HUGEINT` : `epoch_us(${value})::HUGEINT * 1000`;
}

/** Of the text, but null where what stands beside it says something else. */
function exactNanosOf(value: string, text: string, type: "TIME" | "TIMESTAMP"): string {
  const micros = `left(${text}, -3)::${type}`;
  return `CASE WHEN ${value}::${type} = ${micros} THEN epoch_us(${micros})::HUGEINT * 1000 + right(${text}, 3)::HUGEINT END`;
}

/** Minutes that the clock is ahead of UTC. */
const offsetOf = (source: string, column: string): Both => ({
  source: `DATEDIFF(MINUTE, CONVERT_TIMEZONE('UTC', ${source})::TIMESTAMP_NTZ, ${source}::TIMESTAMP_NTZ)`,
  snapshot: `${quoteName(column)}::HUGEINT`,
});

function mapBoth(value: Both, map: (of: string) => string): Both {
  return { source: map(value.source), snapshot: map(value.snapshot) };
}

const toText = ({ source, snapshot }: Both): Both => ({
  source: `TO_VARCHAR(${source})`,
  snapshot: `(${snapshot})::VARCHAR`,
});

const octets = ({ source, snapshot }: Both): Both => ({
  source: `OCTET_LENGTH(${source})`,
  snapshot: `strlen(${snapshot})`,
});

const present = (value: Both): Figure => ({ label: "present", ...toText(mapBoth(value, (of) => `COUNT(${of})`)) });
const minOf = (value: Both): Figure => ({ label: "min", ...toText(mapBoth(value, (of) => `MIN(${of})`)) });
const maxOf = (value: Both): Figure => ({ label: "max", ...toText(mapBoth(value, (of) => `MAX(${of})`)) });
const sumOf = (value: Both): Figure => ({ label: "sum", ...toText(mapBoth(value, (of) => `SUM(${of})`)) });

/** The first 32 bits of each value's MD5, added up. */
function checksum({ source, snapshot }: Both): Figure {
  return {
    label: "checksum",
    source: `TO_VARCHAR(SUM(TO_NUMBER(SUBSTR(MD5(${source}), 1, 8), 'XXXXXXXX')))`,
    snapshot: `sum(('0x' || substr(md5(${snapshot}), 1, 8))::BIGINT)::VARCHAR`,
  };
}

function areClose(one: string, other: string): boolean {
  const [a, b] = [Number(one), Number(other)];
  return Math.abs(a - b) <= DOUBLE_TOLERANCE * Math.max(Math.abs(a), Math.abs(b));
}

const showHex = (hex: string) => Buffer.from(hex, "hex").toString();
const showDays = (days: string) => new Date(Number(days) * DAY_MS).toISOString().slice(0, -14);

/** Of nanoseconds since midnight, or since 1970. */
function showNanos(text: string): string {
  const nanos = BigInt(text);
  const fraction = ((nanos % SECOND_NS) + SECOND_NS) % SECOND_NS;
  const seconds = new Date(Number((nanos - fraction) / SECOND_NS) * 1000).toISOString().slice(0, -5);
  return `${seconds}.${String(fraction).padStart(9, "0")}`;
}
