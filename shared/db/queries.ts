import { answer, onlyRow } from "./answers.ts";
import type { Db } from "./connect-db.ts";
import type { Database, Json } from "./database.types.ts";

export type QueryRow = Database["corral"]["Views"]["queries_shown"]["Row"];

export interface QuerySpec {
  sql: string;
  /** Bound by position or by name. */
  parameters: Json;
  outputFormat: "csv" | "json" | "parquet";
  /** Null and what is absent: as the token has it. */
  limits: { [Limit in "seconds" | "memory_mb" | "rows" | "bytes"]?: number | undefined } | null;
}

/** Puts a query in line for a runner, and starts one unless there is one; resolves to it as it waits there. */
export async function submitQuery(db: Db, call: number, spec: QuerySpec): Promise<QueryRow> {
  const { sql, parameters, outputFormat, limits } = spec;
  const p_query = { sql, parameters, output_format: outputFormat, limits };
  return onlyRow(db.rpc("submit_query", { p_call: call, p_query }));
}

/** A query of the caller's own swarm, as it stands. */
export async function getQuery(db: Db, call: number, query: string): Promise<QueryRow> {
  return onlyRow(db.rpc("get_query", { p_call: call, p_query: query }));
}

/** A query, and the call that submitted it. */
export interface SubmittedQuery {
  call: number;
  queryId: string;
}

/** Of queries that were submitted, those that are over. */
export async function findFinishedQueries(db: Db, queries: SubmittedQuery[]): Promise<QueryRow[]> {
  const p_calls = queries.map(({ call }) => call);
  const p_queries = queries.map(({ queryId }) => queryId);
  return answer(db.rpc("find_finished_queries", { p_calls, p_queries }));
}

/** Ends a query that is not over; its runner stops soon after. */
export async function cancelQuery(db: Db, call: number, query: string): Promise<QueryRow["status"]> {
  return answer(db.rpc("cancel_query", { p_call: call, p_query: query }));
}
