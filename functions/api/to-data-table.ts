import { type DataTable, dataTable } from "../../shared/contract/data.ts";
import type { DataTableRow } from "../../shared/db/data.ts";

const columns = dataTable.shape.columns;

/** A table as those read about it who may see it. */
export function toDataTable(table: DataTableRow): DataTable {
  return {
    table_name: table.table_name,
    schema_name: table.schema_name,
    description: table.description,
    tags: table.tags,
    columns: columns.parse(table.columns),
    row_count: table.row_count,
    size_bytes: table.size_bytes,
    version: table.version,
    synced_at: table.synced_at,
    moment: table.moment,
    fixed_moment: table.fixed_moment,
  };
}
