import { QueryFailure } from "./query-failure.ts";

/** A table by the name that its readers know, and what must not be told of it. */
export interface KnownTable {
  name: string;
  /** The path of its file and what that is attached as. */
  secrets: string[];
  listColumns: () => Promise<string[]>;
}

const MAX_COLUMNS = 100;
/** The line of the query that DuckDB points at, below its words. */
const ECHO = /\n\nLINE \d+: [^\n]*\n *\^\s*$/;

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

/** The names that stand in the echo are the query's own, which is not changed: its caret would point elsewhere. */
function hide(message: string, tables: readonly KnownTable[]): string {
  const [echo = ""] = ECHO.exec(message) ?? [];
  return tables
    .flatMap(({ name, secrets }) => secrets.map((secret) => ({ name, secret })))
    .filter(({ secret }) => !echo.includes(secret))
    .reduce(
      (words, { name, secret }) => words.replace(wordsOf(secret), () => name),
      message.slice(0, message.length - echo.length),
    )
    .concat(echo);
}

/** Wherever a text stands by itself: not the first of snapshot_12, where snapshot_1 is meant. */
function wordsOf(text: string): RegExp {
  return new RegExp(`(?<!\\w)${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?!\\w)`, "g");
}
