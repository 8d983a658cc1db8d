/** How the values of a DuckDB type lie on a line of doubles, on which quartiles and histograms are computed. */
export interface Ordinal {
  toOrdinal: (column: string) => string;
  fromOrdinal: (ordinal: string) => string;
  /** Which values have a place there; null when all have. */
  isFinite: ((column: string) => string) | null;
  /** Whether only whole numbers of the line stand for values. */
  isWhole: boolean;
}

/** What a profile says of the values of a DuckDB type. */
export type ColumnKind =
  | { kind: "number" | "time"; ordinal: Ordinal }
  | { kind: "text" | "boolean" | "json" | "blob" | "other"; ordinal: null };

const finite = (column: string) => `isfinite(${column})`;
const rounded = (ordinal: string) => `round(${ordinal})::BIGINT`;

/** Doubles near the ends of TIMESTAMP_NS round to what lies beyond them. */
const withinNanoseconds = (ordinal: string) =>
  `least(greatest(${ordinal}, -9223286399999998976::DOUBLE), 9223372036854774784::DOUBLE)`;

const WHOLE: Ordinal = {
  toOrdinal: (column) => `${column}::DOUBLE`,
  fromOrdinal: (ordinal) => ordinal,
  isFinite: null,
  isWhole: true,
};
const DECIMAL: Ordinal = { ...WHOLE, isWhole: false };
const FLOATING: Ordinal = { ...DECIMAL, isFinite: finite };

const TIMES: Record<string, Ordinal> = {
  DATE: {
    toOrdinal: (column) => `(${column} - DATE '1970-01-01')::DOUBLE`,
    fromOrdinal: (ordinal) => `(DATE '1970-01-01' + round(${ordinal})::INTEGER)`,
    isFinite: finite,
    isWhole: true,
  },
  TIMESTAMP: {
    toOrdinal: (column) => `epoch_us(${column})::DOUBLE`,
    fromOrdinal: (ordinal) => `make_timestamp(${rounded(ordinal)})`,
    isFinite: finite,
    isWhole: false,
  },
  "TIMESTAMP WITH TIME ZONE": {
    toOrdinal: (column) => `epoch_us(${column})::DOUBLE`,
    fromOrdinal: (ordinal) => `(make_timestamp(${rounded(ordinal)}) AT TIME ZONE 'UTC')`,
    isFinite: finite,
    isWhole: false,
  },
  TIMESTAMP_NS: {
    toOrdinal: (column) => `epoch_ns(${column})::DOUBLE`,
    fromOrdinal: (ordinal) => `make_timestamp_ns(${rounded(withinNanoseconds(ordinal))})`,
    isFinite: (column) => finite(`${column}::TIMESTAMP`),
    isWhole: false,
  },
  TIME: {
    toOrdinal: (column) => `epoch_us(${column})::DOUBLE`,
    fromOrdinal: (ordinal) => `(TIME '00:00:00' + to_microseconds(${rounded(ordinal)}))`,
    isFinite: null,
    isWhole: false,
  },
};

const INTEGERS = new Set(
  "TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT".split(" "),
);
const OTHERS = new Map<string, "text" | "boolean" | "json" | "blob">([
  ["VARCHAR", "text"],
  ["BOOLEAN", "boolean"],
  ["JSON", "json"],
  ["BLOB", "blob"],
]);

/** Takes DuckDB's name of a type, as typeof() says it. */
export function columnKind(type: string): ColumnKind {
  if (INTEGERS.has(type)) return { kind: "number", ordinal: WHOLE };
  if (type.startsWith("DECIMAL(")) return { kind: "number", ordinal: DECIMAL };
  if (type === "DOUBLE" || type === "FLOAT") return { kind: "number", ordinal: FLOATING };
  const time = TIMES[type];
  if (time !== undefined) return { kind: "time", ordinal: time };
  return { kind: OTHERS.get(type) ?? "other", ordinal: null };
}
