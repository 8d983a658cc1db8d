import type { DataTable } from "../../shared/contract/data.ts";
import { profileSql } from "../../shared/profile/profile-sql.ts";
import { quoteName } from "../../shared/quote-sql.ts";

type TableName = Pick<DataTable, "schema_name" | "table_name">;

/** Rows that are drawn at random, without repetition. */
export interface Drawn {
  count: number;
  seed: number;
}

/** DuckDB's SQL for the first rows of a table. */
export const firstRowsSql = (table: TableName, count: number) =>
  `select * from ${tableSql(table)} limit ${integer(count)}`;

/** DuckDB's SQL for so many rows of a table at random. */
export const randomRowsSql = (table: TableName, { count, seed }: Drawn) =>
  `select * from ${tableSql(table)} using sample reservoir(${integer(count)} rows) repeatable (${integer(seed)})`;

/** DuckDB's SQL for the profile of a table as its reader sees it, or of rows drawn from it, which take memory. */
export function tableProfileSql(table: DataTable, drawn: Drawn | undefined): string {
  const { columns, row_count } = table;
  if (drawn === undefined) return profileSql(columns, { relation: tableSql(table), rowCount: row_count });
  return profileSql(columns, { relation: "drawn", rowCount: drawn.count, subquery: randomRowsSql(table, drawn) });
}

const tableSql = ({ schema_name, table_name }: TableName) => `${quoteName(schema_name)}.${quoteName(table_name)}`;

function integer(count: number): string {
  if (!Number.isSafeInteger(count) || count < 0) throw new Error(`${count} is no number of rows`);
  return String(count);
}
