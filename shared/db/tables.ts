import { answer, onlyRow } from "./answers.ts";
import type { Db } from "./connect-db.ts";
import type { Database } from "./database.types.ts";
import type { NullableRow } from "./nullable-row.ts";
import { type SureRow, sureRow } from "./sure-row.ts";
import type { QualifiedTable } from "./syncs.ts";

/** What the answer to a call about Snowflake waits for: `fresh`, or the run that looks for it. */
export interface Source {
  state: "fresh" | "waiting" | "failed";
  /** To be named when asking again. */
  runId: number | null;
  errorCode: string | null;
  errorMessage: string | null;
}

/** How a call about Snowflake stands, of the row that answers it. */
export const toSource = (row: {
  state: Source["state"];
  run_id: number | null;
  error_code: string | null;
  error_message: string | null;
}): Source => ({
  state: row.state,
  runId: row.run_id,
  errorCode: row.error_code,
  errorMessage: row.error_message,
});

/** The tables that Snowflake has in a schema, once they are fresh. */
export async function browseSource(
  db: Db,
  call: number,
  schema: string,
  run: number | null,
): Promise<Source & { tables: unknown }> {
  const row: NullableRow<"browse_source", "state"> = await onlyRow(
    db.rpc("browse_source", { p_call: call, p_schema: schema, p_run: run ?? undefined }),
  );
  return { ...toSource(row), tables: row.tables };
}

/** What a registration says besides the table's name; what is not given stays as it was. */
export interface TableOptions {
  description?: string | null | undefined;
  tags?: string[] | null | undefined;
  /** Grants the table to a swarm. */
  grant?: boolean;
  swarm?: string | null | undefined;
  hidden_columns?: string[] | null | undefined;
  masked_columns?: string[] | null | undefined;
}

export interface TableRef {
  table_id: number;
  table_name: string;
  schema_name: string;
  status: "active" | "inactive";
}

/** Registers a table that Snowflake has, once that is known. */
export async function registerTable(
  db: Db,
  call: number,
  { schema, table }: QualifiedTable,
  options: TableOptions,
  run: number | null,
): Promise<Source & { table: TableRef | null }> {
  const row: NullableRow<"register_table", "state"> = await onlyRow(
    db.rpc("register_table", {
      p_call: call,
      p_schema: schema,
      p_table: table,
      // SQL takes tags that are null for none.
      p_options: { ...options, tags: options.tags ?? undefined },
      p_run: run ?? undefined,
    }),
  );
  const { table_id, table_name, schema_name } = row;
  const isThere = table_id !== null && table_name !== null && schema_name !== null;
  return { ...toSource(row), table: isThere ? { table_id, table_name, schema_name, status: "active" } : null };
}

export type SnapshotRow = NullableRow<
  "list_snapshots",
  "version" | "is_current" | "row_count" | "size_bytes" | "moment" | "fixed_moment" | "sync_id" | "created_at"
>;

/** The versions of a table that there are, newest first. */
export async function listSnapshots(db: Db, call: number, { schema, table }: QualifiedTable): Promise<SnapshotRow[]> {
  return answer(db.rpc("list_snapshots", { p_call: call, p_schema: schema, p_table: table }));
}

/** Takes a table off the list; agents see it no more. */
export async function unregisterTable(db: Db, call: number, { schema, table }: QualifiedTable): Promise<TableRef> {
  const row = await onlyRow(db.rpc("unregister_table", { p_call: call, p_schema: schema, p_table: table }));
  return { ...row, status: "inactive" };
}

export type TableRow = NullableRow<
  "list_tables",
  "table_id" | "schema_name" | "table_name" | "status" | "tags" | "created_at"
>;

/** All tables that are registered. */
export async function listTables(db: Db, call: number): Promise<TableRow[]> {
  return answer(db.rpc("list_tables", { p_call: call }));
}

/** How a registered table stands. */
export async function getTableStatus(db: Db, call: number, { schema, table }: QualifiedTable): Promise<TableRow> {
  return onlyRow(db.rpc("get_table_status", { p_call: call, p_schema: schema, p_table: table }));
}

/** Changes what people read about a table, and answers its id; what is undefined stays as it was. */
export async function updateTable(
  db: Db,
  call: number,
  { schema, table }: QualifiedTable,
  changes: { description?: string | null | undefined; tags?: string[] | null | undefined },
): Promise<number> {
  return answer(db.rpc("update_table", { p_call: call, p_schema: schema, p_table: table, p_changes: { ...changes } }));
}

const GRANT_COLUMNS = [
  "table_id",
  "schema_name",
  "table_name",
  "swarm",
  "hidden_columns",
  "masked_columns",
  "unknown_columns",
  "created_at",
] as const;
type Grant = Database["corral"]["Views"]["grants_shown"]["Row"];
export type GrantRow = SureRow<Grant, (typeof GRANT_COLUMNS)[number]>;

/** Lets a swarm see a table, but for some columns, in the place of what it was let see before. */
export async function grantTable(
  db: Db,
  call: number,
  { schema, table }: QualifiedTable,
  grant: { swarm: string; hidden: string[]; masked: string[] },
): Promise<GrantRow> {
  const row: Grant = await onlyRow(
    db.rpc("grant_table", {
      p_call: call,
      p_schema: schema,
      p_table: table,
      p_swarm: grant.swarm,
      p_hidden: grant.hidden,
      p_masked: grant.masked,
    }),
  );
  return sureRow(row, GRANT_COLUMNS);
}

/** Takes a table from a swarm. */
export async function revokeGrant(
  db: Db,
  call: number,
  { schema, table }: QualifiedTable,
  swarm: string,
): Promise<void> {
  await answer(db.rpc("revoke_grant", { p_call: call, p_schema: schema, p_table: table, p_swarm: swarm }));
}

/** Who may see a table. */
export async function listGrants(db: Db, call: number, { schema, table }: QualifiedTable): Promise<GrantRow[]> {
  const rows: Grant[] = await answer(db.rpc("list_grants", { p_call: call, p_schema: schema, p_table: table }));
  return rows.map((row) => sureRow(row, GRANT_COLUMNS));
}
