import type { DuckDBConnection } from "@duckdb/node-api";
import { columnFigures } from "./column-figures.ts";
import { readHistogram } from "./histogram.ts";
import type { SnapshotColumn } from "./snapshot-column.ts";
import type { Cell } from "./to-cell.ts";
import { readTopValues } from "./top-values.ts";

export interface ColumnProfile {
  name: string;
  type: string;
  source_type: string;
  null_count: number;
  /** Between 0 and 1. */
  null_share: number;
  /** HyperLogLog's estimate, unless it is exact. */
  distinct_count: number;
  distinct_is_exact: boolean;
  /** Of numbers, dates, times, texts (their first 256 characters) and booleans. NaN and infinities don't count. */
  min: Cell;
  max: Cell;
  /** Of numbers; null when they are too large for doubles to square. */
  mean: number | null;
  std: number | null;
  /** Of numbers, dates and times: a t-digest's estimates. */
  q25: Cell;
  q50: Cell;
  q75: Cell;
  /** Up to ten of the most frequent values. The counts are exact; of very many values, which ones they are is estimated from a sample. */
  top_values: TopValue[];
  /** Of numbers, dates and times: up to 20 bins of equal width, from ≤ value < to (in the last one ≤ to). */
  histogram: HistogramBin[] | null;
}

export interface TopValue {
  value: Cell;
  count: number;
}

export interface HistogramBin {
  from: Cell;
  to: Cell;
  count: number;
}

/** profile.json: what each column of a snapshot holds. */
export interface Profile {
  version: string;
  row_count: number;
  size_bytes: number;
  columns: ColumnProfile[];
}

export interface ProfileOptions {
  connection: DuckDBConnection;
  version: string;
  columns: SnapshotColumn[];
  totalRows: number;
  sizeBytes: number;
  signal: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/** Columns whose figures one statement asks for: what it holds in memory grows with them. */
const GROUP = 32;

/** Profiles all columns of a snapshot. */
export async function takeProfile(options: ProfileOptions): Promise<Profile> {
  const { connection, version, columns, totalRows, sizeBytes, signal, onProgress } = options;
  const profiles: ColumnProfile[] = [];
  for (let start = 0; start < columns.length; start += GROUP) {
    const group = columns.slice(start, start + GROUP);
    for (const figures of await columnFigures(connection, group, totalRows, signal)) {
      const { column, estimate, shared } = figures;
      const { values, distinct } = await readTopValues(connection, figures, signal);
      profiles.push({
        ...shared,
        distinct_count: distinct ?? estimate,
        distinct_is_exact: distinct !== null,
        top_values: values,
        histogram: await readHistogram(connection, column, figures.range, signal),
      });
      onProgress?.(profiles.length, columns.length);
    }
  }
  return { version, row_count: totalRows, size_bytes: sizeBytes, columns: profiles };
}
