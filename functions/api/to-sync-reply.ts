import type { z } from "zod";
import { syncDetails, type syncReply } from "../../shared/contract/syncs.ts";
import type { SyncRow } from "../../shared/db/syncs.ts";

/** A sync as clients see it, whichever of its two names they read. */
export function toSyncReply(row: SyncRow): z.infer<typeof syncReply> {
  return {
    sync_id: row.sync_id,
    job_id: row.sync_id,
    table_name: row.table_name,
    schema_name: row.schema_name,
    strategy: row.strategy,
    status: row.status,
    created_at: row.created_at,
    started_at: row.started_at,
    completed_at: row.completed_at,
    error: row.error,
    error_code: row.error_code,
    stats: syncDetails.parse(row.stats),
    progress: syncDetails.parse(row.progress),
    run_id: row.run_id,
    version: row.version,
  };
}
