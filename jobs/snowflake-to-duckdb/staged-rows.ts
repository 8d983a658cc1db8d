import type { StagedColumn } from "../snowflake/sql.ts";

/** Parquet files on our disk that hold rows as they were read; no rows, no files. */
export interface StagedRows {
  files: string[];
  rows: number;
  bytes: number;
}

export interface StageOptions {
  /** What stands after FROM on Snowflake. */
  relation: string;
  columns: StagedColumn[];
  /** The folder for the files, and how their names begin. */
  dir: string;
  name: string;
  signal: AbortSignal;
  /** Count what arrives, negative what has to come again. */
  onRows: (count: number) => void;
  onBytes: (count: number) => void;
}
