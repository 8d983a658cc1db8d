import type { DuckDBConnection } from "@duckdb/node-api";
import { askDuckdb } from "./ask-duckdb.ts";
import { columnKind } from "./column-kind.ts";
import type { HistogramBin } from "./profile.ts";
import { quoteName } from "./quote-sql.ts";
import type { SnapshotColumn } from "./snapshot-column.ts";
import { toCell } from "./to-cell.ts";

const MAX_BINS = 20;

/** Counts a column's values in bins of equal width; null when its values lie on no line, or there are none. */
export async function readHistogram(
  connection: DuckDBConnection,
  { name, type }: SnapshotColumn,
  range: { from: number; to: number } | null,
  signal: AbortSignal,
): Promise<HistogramBin[] | null> {
  const { ordinal } = columnKind(type);
  if (ordinal === null || range === null) return null;
  const { bins, width } = planBins(range, ordinal.isWhole);
  const column = quoteName(name);
  const edge = (bin: string) => ordinal.fromOrdinal(`(${literal(range.from)} + ${bin} * ${literal(width)})`);
  const rows = await askDuckdb(
    connection,
    `WITH counted AS (SELECT ${binSql(ordinal.toOrdinal(column), range.from, width, bins)} AS bin, count(*) AS times
      FROM data WHERE ${column} IS NOT NULL AND ${ordinal.isFinite?.(column) ?? "true"} GROUP BY 1)
    SELECT ${edge("nth")}, CASE WHEN nth = ${bins - 1} THEN ${ordinal.fromOrdinal(literal(range.to))} ELSE ${edge("(nth + 1)")} END,
      coalesce(times, 0) FROM range(${bins}) AS bins(nth) LEFT JOIN counted ON bin = nth ORDER BY nth`,
    signal,
  );
  return rows.map(([from, to, count]) => ({
    from: toCell(from ?? null),
    to: toCell(to ?? null),
    count: Number(count),
  }));
}

/** Whole numbers get bins that hold equally many of them. */
function planBins({ from, to }: { from: number; to: number }, isWhole: boolean): { bins: number; width: number } {
  const span = to - from;
  if (isWhole && Number.isSafeInteger(span)) {
    const width = Math.ceil((span + 1) / MAX_BINS);
    return { bins: Math.ceil((span + 1) / width), width };
  }
  // The span of all doubles is none.
  const width = to / MAX_BINS - from / MAX_BINS;
  return width > 0 && from + width > from ? { bins: MAX_BINS, width } : { bins: 1, width: 1 };
}

function binSql(place: string, from: number, width: number, bins: number): string {
  const far = Number.isFinite(from + bins * width - from);
  const steps = far
    ? `(${place} - ${literal(from)}) / ${literal(width)}`
    : `${place} / ${literal(width)} - ${literal(from / width)}`;
  return `least(${bins - 1}, greatest(0, floor(${steps})))::INTEGER`;
}

/** A double as SQL, to the last bit. */
function literal(value: number): string {
  return `'${value}'::DOUBLE`;
}
