import { z } from "zod";
import { answer, onlyRow } from "./answers.ts";
import type { Db } from "./connect-db.ts";
import type { Database, Json } from "./database.types.ts";

type Enums = Database["corral"]["Enums"];

const given = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? null);

const spec = z
  .object({
    strategy: z.enum(["full", "incremental", "snapshot"]),
    incremental_key: given(z.string()),
    primary_key: given(z.array(z.string())),
    filter_condition: given(z.string()),
    detect_deletes: given(z.boolean()),
    append: given(z.boolean()),
    overlap_seconds: given(z.number()),
    batch_size: given(z.number()),
    timeout_seconds: given(z.number()),
    checksum: given(z.enum(["auto", "always", "never"])),
    path: given(z.enum(["auto", "unload", "rows"])),
  })
  .transform((row) => ({
    strategy: row.strategy,
    incrementalKey: row.incremental_key,
    primaryKey: row.primary_key,
    filterCondition: row.filter_condition,
    detectDeletes: row.detect_deletes ?? false,
    /** Rows are only ever added, whatever the primary key. */
    append: row.append ?? false,
    /** How far before the watermark is read again: seconds, or of a number as much. */
    overlapSeconds: row.overlap_seconds,
    batchSize: row.batch_size,
    timeoutSeconds: row.timeout_seconds,
    checksum: row.checksum ?? "auto",
    path: row.path ?? "auto",
  }));
export type SyncTaskSpec = z.output<typeof spec>;

/** A column of a snapshot, as it was published. */
const publishedColumn = z.object({
  name: z.string(),
  type: z.string(),
  source_type: z.string(),
  nullable: z.boolean(),
});
export type PublishedColumn = z.output<typeof publishedColumn>;

const previous = z
  .object({
    version: z.string(),
    folder: z.string(),
    columns: z.array(publishedColumn),
    watermark: z.string().nullable(),
    row_count: z.number(),
    moment: z.string().transform((text) => new Date(text)),
    incremental_key: z.string().nullable(),
    filter_condition: z.string().nullable(),
  })
  .transform((row) => ({
    version: row.version,
    folder: row.folder,
    columns: row.columns,
    watermark: row.watermark,
    rowCount: row.row_count,
    moment: row.moment,
    incrementalKey: row.incremental_key,
    filterCondition: row.filter_condition,
  }));
export type PreviousSnapshot = z.output<typeof previous>;

export type SyncTask =
  | {
      outcome: "ready";
      syncId: number;
      schemaName: string;
      tableName: string;
      /** Of this attempt's snapshot, below the bucket's `snapshots/`. */
      folder: string;
      version: string;
      spec: SyncTaskSpec;
      /** The snapshot that serves now; null before the first. */
      previous: PreviousSnapshot | null;
    }
  | { outcome: "stale" };
export type ReadySyncTask = Extract<SyncTask, { outcome: "ready" }>;

/** Which table the current attempt of a run is to sync, and how. */
export async function getSyncTask(db: Db, run: number, attempt: number): Promise<SyncTask> {
  const row = await onlyRow(db.rpc("get_sync_task", { p_run: run, p_attempt: attempt }));
  if (row.outcome !== "ready") return { outcome: row.outcome };
  return {
    outcome: row.outcome,
    syncId: row.sync_id,
    schemaName: row.schema_name,
    tableName: row.table_name,
    folder: row.folder,
    version: row.version,
    spec: spec.parse(row.spec),
    previous: previous.nullable().parse(row.previous),
  };
}

export interface PublishedSnapshot {
  columns: PublishedColumn[];
  rowCount: number;
  sizeBytes: number;
  /** ISO 8601, of Snowflake's clock. */
  moment: string;
  fixedMoment: boolean;
  /** How far its incremental key was read. */
  watermark: string | null;
  stats: Record<string, Json>;
  certificate: Json;
}

/** Makes a snapshot what readers get and ends the run, all at once; stale when the attempt was replaced. */
export async function publishSnapshot(
  db: Db,
  run: number,
  attempt: number,
  snapshot: PublishedSnapshot,
): Promise<Enums["publish_outcome"]> {
  const p_snapshot = {
    columns: snapshot.columns,
    row_count: snapshot.rowCount,
    size_bytes: snapshot.sizeBytes,
    moment: snapshot.moment,
    fixed_moment: snapshot.fixedMoment,
    watermark: snapshot.watermark,
    stats: snapshot.stats,
    certificate: snapshot.certificate,
  };
  return answer(db.rpc("publish_snapshot", { p_run: run, p_attempt: attempt, p_snapshot }));
}
