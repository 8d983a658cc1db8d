import { answer, onlyRow } from "./answers.ts";
import type { Db } from "./connect-db.ts";
import type { Database } from "./database.types.ts";

type Enums = Database["corral"]["Enums"];

export type CatalogTask = { outcome: "ready"; schemaName: string } | { outcome: "stale" };

/** Which schema of Snowflake's the current attempt of a run is to look at. */
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

/** Replaces what is known of the schema's tables and ends the run, all at once; stale when the attempt was replaced. */
export async function publishCatalog(
  db: Db,
  run: number,
  attempt: number,
  tables: SourceTable[],
): Promise<Enums["publish_outcome"]> {
  const p_tables = tables.map(({ tableName, rowCount, sizeBytes, lastModified }) => ({
    table_name: tableName,
    row_count: rowCount,
    size_bytes: sizeBytes,
    last_modified: lastModified?.toISOString() ?? null,
  }));
  return answer(db.rpc("publish_catalog", { p_run: run, p_attempt: attempt, p_tables }));
}
