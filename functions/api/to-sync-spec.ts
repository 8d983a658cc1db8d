import type { WantedSync } from "../../shared/contract/syncs.ts";
import type { SyncSpec } from "../../shared/db/syncs.ts";

/** What a client wants of a sync, as SQL and the job read it: full, unless something else is said. */
export function toSyncSpec(wanted: Omit<WantedSync, "table_name" | "schema_name">): SyncSpec {
  return {
    strategy: wanted.strategy ?? "full",
    incremental_key: wanted.incremental_key ?? null,
    primary_key: wanted.primary_key ?? null,
    filter_condition: wanted.filter_condition ?? null,
    detect_deletes: wanted.detect_deletes ?? null,
    append: wanted.append ?? null,
    name: wanted.name ?? null,
    overlap_seconds: wanted.overlap_seconds ?? null,
    batch_size: wanted.config?.batch_size ?? null,
    max_retries: wanted.config?.max_retries ?? null,
    timeout_seconds: wanted.config?.timeout_seconds ?? null,
    checksum: wanted.checksum ?? null,
    path: wanted.path ?? null,
  };
}
