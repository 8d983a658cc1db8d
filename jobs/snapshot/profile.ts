import type { DuckDBConnection } from "@duckdb/node-api";
import { profileSql } from "../../shared/profile/profile-sql.ts";
import { readProfile, type TableProfile } from "../../shared/profile/read-profile.ts";
import { interruptible } from "./ask-duckdb.ts";
import { columnCells } from "./nested-cells.ts";
import type { SnapshotColumn } from "./snapshot-column.ts";

/** profile.json: what each column of a snapshot holds. */
export interface Profile extends TableProfile {
  version: string;
  size_bytes: number;
}

export interface ProfileOptions {
  connection: DuckDBConnection;
  version: string;
  columns: SnapshotColumn[];
  totalRows: number;
  sizeBytes: number;
  signal: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/** Profiles all columns of a snapshot, one after the other. */
export async function takeProfile(options: ProfileOptions): Promise<Profile> {
  const { version, columns, totalRows, sizeBytes, onProgress } = options;
  const profiles: Profile["columns"] = [];
  for (const column of columns) {
    profiles.push(...(await profileColumn(column, options)));
    onProgress?.(profiles.length, columns.length);
  }
  return { version, row_count: totalRows, size_bytes: sizeBytes, columns: profiles };
}

/** Its values become JSON as a query's do, so that both say the same of them. */
async function profileColumn(
  { name, type, sourceType }: SnapshotColumn,
  { connection, totalRows, signal }: ProfileOptions,
): Promise<Profile["columns"]> {
  const sql = profileSql([{ name, type }], { relation: "data", rowCount: totalRows });
  const chunk = await interruptible(connection, signal, async () => (await connection.run(sql)).fetchChunk());
  if (chunk === null) throw new Error(`No row answers ${sql}`);
  const [[place], [profile]] = [columnCells(chunk, 0), columnCells(chunk, 1)];
  return readProfile([{ place, profile }], [{ name, type, source_type: sourceType }]).columns;
}
