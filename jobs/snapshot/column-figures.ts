import type { DuckDBConnection, DuckDBValue } from "@duckdb/node-api";
import { askDuckdbOnce } from "./ask-duckdb.ts";
import { type ColumnKind, columnKind } from "./column-kind.ts";
import type { ColumnProfile } from "./profile.ts";
import { quoteName } from "./quote-sql.ts";
import type { SnapshotColumn } from "./snapshot-column.ts";
import { toCell } from "./to-cell.ts";

type SharedFigures = Omit<ColumnProfile, "distinct_count" | "distinct_is_exact" | "top_values" | "histogram">;

export interface ColumnFigures {
  column: SnapshotColumn;
  shared: SharedFigures;
  /** About how many distinct values there are. */
  estimate: number;
  /** How many values are not null. */
  present: number;
  /** The longest value, in bytes. */
  longest: number;
  /** Least and largest place of a value on its ordinal line; null when none has one. */
  range: { from: number; to: number } | null;
}

/** What a profile shows of a text. */
export const SHOWN_CHARACTERS = 256;
/** Beyond this a double cannot hold the square of a value. */
const SQUARABLE = "1e150";
const FIGURES = 10;

/** What one pass over some columns says of them. */
export async function columnFigures(
  connection: DuckDBConnection,
  columns: SnapshotColumn[],
  totalRows: number,
  signal: AbortSignal,
): Promise<ColumnFigures[]> {
  const expressions = columns.flatMap((column) => figuresSql(quoteName(column.name), columnKind(column.type)));
  const row = await askDuckdbOnce(connection, `SELECT ${expressions.join(", ")} FROM data`, signal);
  return columns.map((column, at) => toFigures(column, totalRows, row.slice(at * FIGURES, (at + 1) * FIGURES)));
}

/** Ten expressions, whatever the kind. */
function figuresSql(name: string, { kind, ordinal }: ColumnKind): string[] {
  const counted = [`count(${name})`, `approx_count_distinct(${name})`];
  if (ordinal === null) {
    const shown = kind === "text" ? `left(${name}, ${SHOWN_CHARACTERS})` : name;
    const ends = kind === "text" || kind === "boolean" ? [`min(${shown})`, `max(${shown})`] : ["NULL", "NULL"];
    const longest = kind === "text" || kind === "json" ? `max(strlen(${name}))` : longestSql(name, kind);
    return [...counted, ...ends, longest, "NULL", "NULL", "NULL", "NULL", "NULL"];
  }
  const place = ordinal.toOrdinal(name);
  const [filter, squarable] = ordinal.isFinite === null ? ["", null] : filtersOf(ordinal.isFinite(name), place);
  const quartiles = `approx_quantile(${place}, [0.25, 0.5, 0.75]) ${filter}`;
  const moment = (aggregate: string) => {
    if (kind !== "number") return "NULL";
    if (squarable === null) return `${aggregate}(${place})`;
    return `CASE WHEN max(abs(${place})) ${filter} < ${SQUARABLE} THEN ${aggregate}(${place}) ${squarable} END`;
  };
  return [
    ...counted,
    `min(${name}) ${filter}`,
    `max(${name}) ${filter}`,
    "16",
    moment("avg"),
    moment("stddev_samp"),
    `list_transform(${quartiles}, lambda q: ${ordinal.fromOrdinal("q")})`,
    `min(${place}) ${filter}`,
    `max(${place}) ${filter}`,
  ];
}

/** Which values count, and which of them may be squared: an aggregate overflows even when nobody wants its value. */
function filtersOf(finite: string, place: string): [filter: string, squarable: string] {
  return [`FILTER (WHERE ${finite})`, `FILTER (WHERE ${finite} AND abs(${place}) < ${SQUARABLE})`];
}

function longestSql(name: string, kind: ColumnKind["kind"]): string {
  if (kind === "boolean") return "1";
  return kind === "blob" ? `max(octet_length(${name}))` : `max(strlen(${name}::VARCHAR))`;
}

function toFigures(column: SnapshotColumn, totalRows: number, values: DuckDBValue[]): ColumnFigures {
  const [count, estimate, min, max, longest, mean, std, quartiles, from, to] = values;
  const present = Number(count);
  const [q25, q50, q75] = listOf(quartiles);
  return {
    column,
    estimate: Number(estimate),
    present,
    longest: Number(longest ?? 0),
    range: typeof from === "number" && typeof to === "number" ? { from, to } : null,
    shared: {
      name: column.name,
      type: column.type,
      source_type: column.sourceType,
      null_count: totalRows - present,
      null_share: totalRows === 0 ? 0 : (totalRows - present) / totalRows,
      min: toCell(min ?? null),
      max: toCell(max ?? null),
      mean: typeof mean === "number" ? mean : null,
      std: typeof std === "number" ? std : null,
      q25: toCell(q25 ?? null),
      q50: toCell(q50 ?? null),
      q75: toCell(q75 ?? null),
    },
  };
}

function listOf(value: DuckDBValue | undefined): readonly DuckDBValue[] {
  return value !== null && typeof value === "object" && "items" in value ? value.items : [];
}
