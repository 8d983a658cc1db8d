import { answer, onlyRow } from "./answers.ts";
import type { Db } from "./connect-db.ts";
import type { Database } from "./database.types.ts";

type Enums = Database["corral"]["Enums"];

export type CatalogTask = { outcome: "ready"; schemaName: string } | { outcome: "stale" };

/** Which name the current attempt of a run is to look for: in capitals, for all schemas that have it in any case. */
export async function getCatalogTask(db: Db, run: number, attempt: number): Promise<CatalogTask> {
  const row = await onlyRow(db.rpc("get_catalog_task", { p_run: run, p_attempt: attempt }));
  return row.outcome === "ready" ? { outcome: row.outcome, schemaName: row.schema_name } : { outcome: row.outcome };
}

/** A table or view of Snowflake's; null is what it does not tell, as of a view. */
export interface SourceTable {
  tableName: string;
  rowCount: number | null;
  sizeBytes: number | null;
  lastModified: Date | null;
}

export interface SourceSchema {
  schemaName: string;
  tables: SourceTable[];
}

/** Replaces what is known of the name's schemas and ends the run, all at once; stale when the attempt was replaced. */
export async function publishCatalog(
  db: Db,
  run: number,
  attempt: number,
  schemas: SourceSchema[],
): Promise<Enums["publish_outcome"]> {
  const p_schemas = schemas.map(({ schemaName, tables }) => ({ schema_name: schemaName, tables: tables.map(toRow) }));
  return answer(db.rpc("publish_catalog", { p_run: run, p_attempt: attempt, p_schemas }));
}

const toRow = ({ tableName, rowCount, sizeBytes, lastModified }: SourceTable) => ({
  table_name: tableName,
  row_count: rowCount,
  size_bytes: sizeBytes,
  last_modified: lastModified?.toISOString() ?? null,
});
