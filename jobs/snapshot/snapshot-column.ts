/** A column of a snapshot's table `main.data`. */
export interface SnapshotColumn {
  name: string;
  /** DuckDB's name of its type. */
  type: string;
  /** Snowflake's name of the type that it came from. */
  sourceType: string;
}
