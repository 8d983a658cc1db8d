/** A table as queries name it. */
export interface QueriedTable {
  schema_name: string;
  table_name: string;
}

/** DuckDB's SQL for the first rows of a table. */
export const firstRowsSql = (table: QueriedTable, count: number) => `${sourceSql(table)} limit ${integer(count)}`;

/** DuckDB's SQL for all rows of a table, or for so many at random, without repetition. */
export function sourceSql(
  { schema_name, table_name }: QueriedTable,
  sampled?: { count: number; seed: number },
): string {
  const all = `select * from ${quoteName(schema_name)}.${quoteName(table_name)}`;
  if (sampled === undefined) return all;
  return `${all} using sample reservoir(${integer(sampled.count)} rows) repeatable (${integer(sampled.seed)})`;
}

/** A table's name as it is written in SQL. */
export const tableSql = ({ schema_name, table_name }: QueriedTable) =>
  `${quoteName(schema_name)}.${quoteName(table_name)}`;

/** A name as it is written in SQL; it is taken literally then. */
export const quoteName = (name: string) => `"${name.replaceAll('"', '""')}"`;

function integer(count: number): string {
  if (!Number.isSafeInteger(count) || count < 0) throw new Error(`${count} is no number of rows`);
  return String(count);
}
