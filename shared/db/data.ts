import { toError } from "../errors.ts";
import { answer, onlyRow } from "./answers.ts";
import type { Db } from "./connect-db.ts";
import type { Database } from "./database.types.ts";
import type { NullableRow } from "./nullable-row.ts";
import { type SureRow, sureRow } from "./sure-row.ts";

const SURE = [
  "schema_name",
  "table_name",
  "tags",
  "columns",
  "row_count",
  "size_bytes",
  "version",
  "synced_at",
  "moment",
  "fixed_moment",
  "folder",
] as const;

/** A table as a caller sees it; the folder is where its snapshot lies. */
export type DataTableRow = SureRow<Database["corral"]["CompositeTypes"]["table_sight"], (typeof SURE)[number]>;

/** The tables that a call may see and that have a snapshot; of them those that a search or a tag finds. */
export async function listDataTables(
  db: Db,
  call: number,
  { search, tag }: { search?: string | undefined; tag?: string | undefined },
): Promise<DataTableRow[]> {
  const asked = { p_search: search || undefined, p_tag: tag || undefined };
  const rows = await answer(db.rpc("list_data_tables", { p_call: call, ...asked }));
  return rows.map((row) => sureRow(row, SURE));
}

export interface TableName {
  /** Null: whichever has the table. */
  schema: string | null;
  table: string;
}

/** A table that a call may see; the record tells that the call was about it, refused or not. */
export async function getDataTable(db: Db, call: number, { schema, table }: TableName): Promise<DataTableRow> {
  const row: NullableRow<"get_data_table", "sight"> = await onlyRow(
    db.rpc("get_data_table", { p_call: call, p_schema: schema ?? undefined, p_table: table }),
  );
  if (row.refusal !== null) throw toError({ code: row.refusal, message: row.message ?? "" });
  return sureRow(row.sight, SURE);
}
