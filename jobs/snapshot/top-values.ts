import type { DuckDBConnection, DuckDBValue } from "@duckdb/node-api";
import { askDuckdb } from "./ask-duckdb.ts";
import { type ColumnFigures, SHOWN_CHARACTERS } from "./column-figures.ts";
import type { TopValue } from "./profile.ts";
import { quoteName } from "./quote-sql.ts";
import { type Cell, toCell } from "./to-cell.ts";

const TOP = 10;
/** Up to so many distinct values, or so many values at all, each value is counted. */
const COUNTED_VALUES = 50_000;
const COUNTED_ROWS = 1_000_000;
/** What counting may hold in memory, in bytes of values. */
const COUNTED_BYTES = 128 * 1024 * 1024;
/** A sample of fewer rows says too little. */
const FEWEST_SAMPLED = 10_000;

export interface TopValues {
  values: TopValue[];
  /** How many distinct values there are, where that is known exactly. */
  distinct: number | null;
}

/**
 * The most frequent values. All are counted while that is cheap; else those that repeat in a sample of a million rows,
 * which finds whatever is frequent, are counted in the whole table.
 */
export async function readTopValues(
  connection: DuckDBConnection,
  figures: ColumnFigures,
  signal: AbortSignal,
): Promise<TopValues> {
  const { column, estimate, present, longest, shared } = figures;
  if (present === 0) return { values: [], distinct: 0 };
  const name = quoteName(column.name);
  const isCheap = estimate <= COUNTED_VALUES || present <= COUNTED_ROWS;
  if (isCheap && Math.min(estimate, present) * longest <= COUNTED_BYTES) {
    const rows = await askDuckdb(connection, countAllSql(name), signal);
    return { values: rows.map(toTop), distinct: Number(rows[0]?.[2] ?? 0) };
  }
  const sampled = Math.min(COUNTED_ROWS, Math.floor(COUNTED_BYTES / longest));
  if (sampled < FEWEST_SAMPLED) return { values: [], distinct: null };
  const percent = Math.min(100, (100 * sampled) / (present + shared.null_count));
  return { values: (await askDuckdb(connection, countLikelySql(name, percent), signal)).map(toTop), distinct: null };
}

function countAllSql(name: string): string {
  return `SELECT ${name}, count(*) AS times, count(*) OVER () FROM data WHERE ${name} IS NOT NULL
    GROUP BY 1 ORDER BY times DESC, 1 LIMIT ${TOP}`;
}

function countLikelySql(name: string, percent: number): string {
  return `WITH sampled AS (SELECT ${name} AS likely FROM data USING SAMPLE ${percent} PERCENT (system, 1)),
    frequent AS MATERIALIZED (SELECT likely FROM sampled WHERE likely IS NOT NULL
      GROUP BY 1 HAVING count(*) > 1 ORDER BY count(*) DESC, 1 LIMIT ${TOP})
    SELECT likely, count(*) AS times FROM data JOIN frequent ON ${name} = likely GROUP BY 1 ORDER BY times DESC, 1`;
}

function toTop([value, count]: DuckDBValue[]): TopValue {
  return { value: cut(toCell(value ?? null)), count: Number(count) };
}

function cut(cell: Cell): Cell {
  const isLong = typeof cell === "string" && cell.length > SHOWN_CHARACTERS;
  return isLong ? [...cell].slice(0, SHOWN_CHARACTERS).join("") : cell;
}
