/** What is to come of an attempt: a refusal with its reason, or rows that tell nothing. */
export type Outcome = { code: string; message: RegExp } | { rows: unknown[][] };

/** SQL, what is to come of it, what it is given as parameters, and what its result is to be. */
export type Attack = [sql: string, outcome: Outcome, parameters?: unknown, format?: "csv" | "json" | "parquet"];

export const FILE = "/etc/passwd";

const refused = (message: RegExp): Outcome => ({ code: "sql_not_allowed", message });
const literally = (text: string) => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");

export const failed = (message: RegExp): Outcome => ({ code: "sql_error", message });
export const harmless = (...rows: unknown[][]): Outcome => ({ rows });

export const noFunction = (name: string) => refused(new RegExp(`^The function ${literally(name)} may not be called`));
export const noTable = (name: string) => refused(new RegExp(`^There is no table "${literally(name)}"`));
export const noDatabase = refused(/names a database\. Write the table as schema\.table/);
export const noStatement = refused(/^Only a SELECT statement may be run/);
export const noOther = refused(/^These are \d statements\. Send each by itself\./);
export const noShow = refused(/^SHOW is not allowed/);
export const noMemory: Outcome = { code: "query_memory", message: /needs more memory than it may have/ };
export const noTime: Outcome = { code: "query_timeout", message: /ran for longer than the \d+ s/ };
export const tooLarge = (message: RegExp): Outcome => ({ code: "result_too_large", message });
