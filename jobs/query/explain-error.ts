import { QueryFailure } from "./query-failure.ts";

/** A table by the name that its readers know, and what must not be told of it. */
export interface KnownTable {
  name: string;
  /** The path of its file and what that is attached as. */
  secrets: string[];
  listColumns: () => Promise<string[]>;
}

const MAX_COLUMNS = 100;

/** What DuckDB said, for whoever wrote the query: with the columns that there are, without where the files lie. */
export async function explainError(error: unknown, tables: readonly KnownTable[]): Promise<QueryFailure> {
  if (error instanceof QueryFailure) return error;
  const message = (error instanceof Error ? error.message : String(error)).replace(
    /^Failed to extract statements: /,
    "",
  );
  if (/^Out of Memory Error|bad_alloc/i.test(message))
    return new QueryFailure(
      "query_memory",
      "The query needs more memory than it may have. Read less of the tables at once.",
    );
  const code = message.startsWith("Permission Error") ? "sql_not_allowed" : "sql_error";
  const columns = /column|field|member/i.test(message) && message.startsWith("Binder Error") ? await list(tables) : "";
  return new QueryFailure(code, hide(message, tables) + columns);
}

async function list(tables: readonly KnownTable[]): Promise<string> {
  const lines = tables.map(async ({ name, listColumns }) => {
    const columns = await listColumns();
    const more = columns.length > MAX_COLUMNS ? ` and ${columns.length - MAX_COLUMNS} more` : "";
    return `\n${name} has the columns ${columns.slice(0, MAX_COLUMNS).join(", ")}${more}.`;
  });
  return lines.length === 0 ? "" : `\n${(await Promise.all(lines)).join("")}`;
}

function hide(message: string, tables: readonly KnownTable[]): string {
  return tables.reduce(
    (text, { name, secrets }) => secrets.reduce((rest, secret) => rest.replaceAll(secret, name), text),
    message,
  );
}
