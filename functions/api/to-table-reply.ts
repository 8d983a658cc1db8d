import type { z } from "zod";
import type { listTablesReply, tableStatusReply } from "../../shared/contract/tables.ts";
import type { TableRow } from "../../shared/db/tables.ts";

/** A registered table as lists show it. */
export function toListedTable(row: TableRow): z.infer<typeof listTablesReply>[number] {
  return {
    table_id: row.table_id,
    table_name: row.table_name,
    schema_name: row.schema_name,
    status: toStatus(row),
    description: row.description,
    tags: row.tags,
    ...toSnapshot(row),
    strategy: row.strategy,
    schedule: row.schedule,
    ...toLastSync(row),
    created_at: row.created_at,
  };
}

/** How a registered table stands. */
export function toTableStatus(row: TableRow): z.infer<typeof tableStatusReply> {
  return {
    table_id: row.table_id,
    table_name: row.table_name,
    schema_name: row.schema_name,
    status: toStatus(row),
    ...toLastSync(row),
    last_error: row.last_error,
    ...toSnapshot(row),
    schedule: row.schedule,
  };
}

const toStatus = ({ status }: TableRow) => (status === "active" ? status : "inactive");

const toSnapshot = ({ row_count, size_bytes, version }: TableRow) => ({ row_count, size_bytes, version });

const toLastSync = ({ last_sync_id, last_sync_status, last_sync_at }: TableRow) => ({
  last_sync_id,
  last_sync_status,
  last_sync_at,
});
