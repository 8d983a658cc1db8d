import type { DuckDBConnection } from "@duckdb/node-api";
import type { Bucket } from "@google-cloud/storage";
import type { ReadySyncTask } from "../../shared/db/sync-task.ts";
import { JobFailure } from "../job-failure.ts";
import type { SnowflakeSession } from "../snowflake/connect-snowflake.ts";
import { stageByRows } from "./stage-rows.ts";
import { stageByUnload } from "./stage-unload.ts";
import type { SyncContext } from "./sync-context.ts";
import type { SyncProgress } from "./sync-progress.ts";

export interface ChooseStageOptions {
  task: ReadySyncTask;
  session: SnowflakeSession;
  /** Of its own: it works while others do. */
  connection: DuckDBConnection;
  integration: string | undefined;
  bucket: Bucket;
  folder: string;
  scratch: string;
  progress: SyncProgress;
  signal: AbortSignal;
}

/** One row group of DuckDB's Parquet files. */
const BATCH_ROWS = 122_880;

/** The way by which rows come: files that Snowflake unloads where it may, else through the driver. */
export function chooseStage(options: ChooseStageOptions): {
  path: "unload" | "rows";
  stage: SyncContext["stage"];
} {
  const { task, integration, progress, scratch: dir, signal } = options;
  const wanted = task.spec.path;
  if (wanted === "unload" && integration === undefined)
    throw new JobFailure(
      "invalid_sync",
      'Cannot sync by path "unload": the job has no storage integration. Set SNOWFLAKE_STORAGE_INTEGRATION, or take another path.',
    );
  const counts = {
    onRows: (count: number) => progress.addRows(count),
    onBytes: (count: number) => progress.addBytes(count),
  };
  if (integration === undefined || wanted === "rows")
    return {
      path: "rows",
      stage(name, relation, columns) {
        progress.begin("reading");
        const batchRows = task.spec.batchSize ?? BATCH_ROWS;
        return stageByRows({ ...options, ...counts, dir, name, relation, columns, batchRows, signal });
      },
    };
  return {
    path: "unload",
    stage(name, relation, columns) {
      progress.begin("unloading");
      const onUnloaded = (bytes: number) => progress.begin("downloading", bytes);
      return stageByUnload({ ...options, ...counts, dir, name, relation, columns, integration, onUnloaded });
    },
  };
}
