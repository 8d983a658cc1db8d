/** A name as it is written in SQL; both DuckDB and Snowflake take it literally then, case and all. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as it is written in DuckDB's SQL, where a backslash is just a backslash. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
