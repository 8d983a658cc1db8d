import type { CertifiedColumn } from "./certified-column.ts";
import { type DoubleDialect, type DoubleRange, exactDoubleSql, scaledDoubleSql } from "./exact-double.ts";
import { type Both, bothOf, numberOf, offsetOf } from "./number-of.ts";
import { type Ends, squaresOf } from "./squares.ts";

/** An aggregate that both sides are asked for, as text. */
export interface Figure extends Both {
  /** `not_finite` counts NaN, inf and -inf. */
  label: "present" | "not_finite" | "min" | "max" | "sum" | "squares" | "checksum";
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
  /** Of what is compared as numbers; null when there are none. */
  ends: Ends | null;
  /** Of doubles. */
  range: DoubleRange;
}

/** A value that figures are computed from, under the name by which they know it: each side computes it once. */
export interface Derived extends Both {
  alias: string;
}

/** A column with all that is compared of it. */
export interface ComparedColumn {
  name: string;
  derived: Derived;
  figures: Figure[];
}

/** Which columns an MD5 of each value is compared of: `needed` where no squares tell what the sum does not. */
export type Checksums = "all" | "needed" | "none";

const SUM_LIMIT = 10n ** 38n;
/** What is told of the least and the largest text, in characters, and of binaries, in bytes. */
const SHOWN = 32;
/** Snowflake's documentation promises no more digits of a double than these. */
const DOUBLE_TOLERANCE = 1e-14;
const DAY_MS = 86_400_000;
const SECOND_NS = 1_000_000_000n;
/** Hours that a clock can be away from UTC, and more, in minutes. */
const OFFSETS: Ends = { least: "-1440", largest: "1440" };

/** The figures of a column, and of the one with its offsets from UTC. `at` tells the columns of a certificate apart. */
export function figuresOf(column: CertifiedColumn, facts: Facts, checksums: Checksums, at: number): ComparedColumn[] {
  const [alias, offsetAlias] = [`V${at}`, `O${at}`];
  const made = figuresOfValue(column, { source: alias, snapshot: alias }, facts);
  const all = [{ name: column.name, derived: { alias, ...derivedOf(column, facts) }, ...made }];
  if (column.kind === "timestamp_tz" && column.offsetColumn !== undefined) {
    const derived = { alias: offsetAlias, ...offsetOf(bothOf(column), column.offsetColumn) };
    const minutes = numberFigures({ source: offsetAlias, snapshot: offsetAlias }, 0, { ...facts, ends: OFFSETS });
    all.push({ name: column.offsetColumn, derived, ...minutes });
  }
  return all.map(({ name, derived, canonical, figures }) => {
    const has = (label: Figure["label"]) => figures.some((figure) => figure.label === label);
    const isProven = canonical === null || has("checksum") || (checksums === "needed" && has("squares"));
    const isAdded = checksums !== "none" && !isProven;
    return { name, derived, figures: isAdded ? [...figures, checksum(canonical)] : figures };
  });
}

/** What all figures of a column look at. */
function derivedOf(column: CertifiedColumn, { type }: Facts): Both {
  const value = bothOf(column);
  if (column.kind === "json") return { source: `TO_JSON(${value.source})`, snapshot: `${value.snapshot}::VARCHAR` };
  if (column.kind === "binary") return { source: `HEX_ENCODE(${value.source})`, snapshot: `hex(${value.snapshot})` };
  return numberOf(column, type) ?? value;
}

interface Made {
  figures: Figure[];
  /** The text whose MD5 is summed. */
  canonical: Both | null;
}

/** `value` is the column's derived one. */
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
      return numberFigures(value, 0, facts, showDays);
    case "time":
      return numberFigures(value, 0, facts, (nanos) => showNanos(nanos).slice(11));
    case "timestamp_ntz":
    case "timestamp_ltz":
    case "timestamp_tz":
      return numberFigures(value, 0, facts, showNanos);
    case "text":
      return textFigures(value);
    case "json":
      return { figures: [present(value), sumOf(octets(value))], canonical: value };
    case "binary":
      return binaryFigures(value);
  }
}

function numberFigures(value: Both, scale: number, { rows, ends }: Facts, show?: (value: string) => string): Made {
  const shown = show === undefined ? {} : { show };
  const figures = [present(value), ...[minOf(value), maxOf(value)].map((figure) => ({ ...figure, ...shown }))];
  const canonical = toText(value);
  const largest = [ends?.least, ends?.largest].map((end) => BigInt(end?.replace(/[.-]/g, "") ?? 0));
  // Neither engine can add up what has more than 38 digits.
  if (largest.some((digits) => digits * rows >= SUM_LIMIT))
    return { figures: [...figures, checksum(canonical)], canonical };
  const squares = squaresOf(value, scale, ends, rows);
  const summed = squares === undefined ? [] : [{ ...sumOf(squares), label: "squares" as const }];
  return { figures: [...figures, sumOf(value), ...summed], canonical };
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
  const start = (aggregate: string): Both => ({
    source: `${aggregate}(HEX_ENCODE(LEFT(${value.source}, ${SHOWN})))`,
    snapshot: `hex(encode(${aggregate}(left(${value.snapshot}, ${SHOWN}))))`,
  });
  const [min, max] = [toText(start("MIN")), toText(start("MAX"))];
  const ends: Figure[] = [
    { label: "min", ...min, show: showHex },
    { label: "max", ...max, show: showHex },
  ];
  return { figures: [present(value), ...ends, sumOf(octets(value))], canonical: value };
}

function binaryFigures(hex: Both): Made {
  const start = mapBoth(hex, (of) => `LEFT(${of}, ${2 * SHOWN})`);
  return { figures: [present(hex), minOf(start), maxOf(start), sumOf(octets(hex))], canonical: hex };
}

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
