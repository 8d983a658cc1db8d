import type { Bucket } from "@google-cloud/storage";
import type { ReadySyncTask } from "../../shared/db/sync-task.ts";
import type { Certificate, Pair } from "../snapshot/certify.ts";
import type { OpenDuckdb } from "../snapshot/open-duckdb.ts";
import type { SnowflakeSession } from "../snowflake/connect-snowflake.ts";
import type { StagedColumn } from "../snowflake/sql.ts";
import type { ColumnPlan } from "./plan-columns.ts";
import type { Source } from "./read-source.ts";
import type { StagedRows } from "./staged-rows.ts";
import type { Form } from "./stored-columns.ts";
import type { SyncProgress } from "./sync-progress.ts";

/** What making a snapshot's table takes. */
export interface SyncContext {
  task: ReadySyncTask;
  session: SnowflakeSession;
  source: Source;
  plans: ColumnPlan[];
  /** What has to hold for a row to be synced at all, as Snowflake's SQL. */
  conditions: string[];
  /** The database that the table `data` is made in. */
  duckdb: OpenDuckdb;
  bucket: Bucket;
  /** A folder on our disk that is gone when the attempt is over. */
  scratch: string;
  /** Brings what stands after FROM on Snowflake onto our disk, by whichever path the sync takes. */
  stage: (name: string, relation: string, columns: StagedColumn[]) => Promise<StagedRows>;
  progress: SyncProgress;
  signal: AbortSignal;
  log: (line: string) => void;
}

/** How all rows of a merged table compare with all of Snowflake's, without checksums. */
export type WholeCertificate = Certificate | { agrees: false; row_count: Pair };

/** The table `data` as it was made. */
export interface MadeTable {
  mode: "full" | "incremental";
  forms: Map<ColumnPlan, Form>;
  rows: number;
  rowsRead: number;
  bytesRead: number;
  watermark: string | null;
  notes: string[];
  /** What was read and where it lies here, for the certificate: relations on Snowflake and in DuckDB. */
  certified: { source: string; snapshot: string | undefined };
  /** What proves the rows that were not read again, of an incremental sync at a fixed moment. */
  whole: WholeCertificate | null;
}

/** The table as it stands in DuckDB's SQL. */
export const DATA = "data";
