import { answer, onlyRow } from "./answers.ts";
import type { Db } from "./connect-db.ts";
import type { Database, Json } from "./database.types.ts";
import type { NullableRow } from "./nullable-row.ts";
import { type Source, toSource } from "./tables.ts";

type Enums = Database["corral"]["Enums"];

/** How a table is to be synced; null where nothing is said. */
export interface SyncSpec {
  strategy: Enums["sync_strategy"];
  incremental_key: string | null;
  primary_key: string[] | null;
  filter_condition: string | null;
  detect_deletes: boolean | null;
  append: boolean | null;
  name: string | null;
  overlap_seconds: number | null;
  batch_size: number | null;
  max_retries: number | null;
  timeout_seconds: number | null;
  checksum: "auto" | "always" | "never" | null;
  path: "auto" | "unload" | "rows" | null;
}

/** A table by its two names. */
export interface QualifiedTable {
  schema: string;
  table: string;
}

export type SyncRow = NullableRow<
  "get_sync",
  "sync_id" | "table_name" | "schema_name" | "strategy" | "status" | "created_at"
>;

/** Starts a sync of a table, one at a time; one that nobody registered is registered once Snowflake is known to have it. */
export async function startSync(
  db: Db,
  call: number,
  { schema, table }: QualifiedTable,
  spec: SyncSpec,
  run: number | null,
): Promise<Source & { sync: SyncRow | null }> {
  const row: NullableRow<"start_sync", "state"> = await onlyRow(
    db.rpc("start_sync", {
      p_call: call,
      p_schema: schema,
      p_table: table,
      p_spec: { ...spec },
      p_run: run ?? undefined,
    }),
  );
  return { ...toSource(row), sync: row.sync };
}

/** A sync, and how far it is. */
export async function getSync(db: Db, call: number, sync: number): Promise<SyncRow> {
  return onlyRow(db.rpc("get_sync", { p_call: call, p_sync: sync }));
}

/** Ends a sync that is not over; the last snapshot goes on serving. */
export async function cancelSync(db: Db, call: number, sync: number): Promise<SyncRow> {
  return onlyRow(db.rpc("cancel_sync", { p_call: call, p_sync: sync }));
}

/** The newest syncs, newest first. */
export async function listSyncs(db: Db, call: number, limit: number): Promise<SyncRow[]> {
  return answer(db.rpc("list_syncs", { p_call: call, p_limit: limit }));
}

export interface Schedule {
  schedule: string | null;
  spec: Json | null;
}

/** Syncs a table by a cron expression from now on; null ends that. */
export async function setSchedule(
  db: Db,
  call: number,
  { schema, table }: QualifiedTable,
  wanted: { cron: string; spec: SyncSpec } | null,
): Promise<Schedule> {
  return onlyRow(
    db.rpc("set_schedule", {
      p_call: call,
      p_schema: schema,
      p_table: table,
      p_cron: wanted?.cron,
      p_spec: wanted === null ? undefined : { ...wanted.spec },
    }),
  );
}
