import { z } from "zod";
import { answer } from "./answers.ts";
import type { Db } from "./connect-db.ts";
import type { Database, Json } from "./database.types.ts";

type Enums = Database["corral"]["Enums"];

/** A granted table as it was when the query was submitted. */
export interface QuerySnapshot {
  schema: string;
  table: string;
  version: string;
  /** Below `snapshots/` in the bucket. */
  folder: string;
  sizeBytes: number;
  hiddenColumns: string[];
  maskedColumns: string[];
  /** Names what is hidden and masked; null when nothing is. */
  variant: string | null;
}

export interface ClaimedQuery {
  id: string;
  /** How often it was begun, this time included. */
  attempt: number;
  sql: string;
  /** A list or an object; null for none. */
  parameters: Json;
  format: Enums["output_format"];
  limits: { seconds: number; memoryMb: number; rows: number; bytes: number };
  snapshots: QuerySnapshot[];
}

const limits = z
  .object({ seconds: z.number(), memory_mb: z.number(), rows: z.number(), bytes: z.number() })
  .transform(({ memory_mb: memoryMb, ...others }) => ({ ...others, memoryMb }));

const names = z
  .array(z.string())
  .nullish()
  .transform((list) => list ?? []);

const snapshots = z.array(
  z
    .object({
      schema_name: z.string(),
      table_name: z.string(),
      version: z.string(),
      folder: z.string(),
      size_bytes: z.number(),
      hidden_columns: names,
      masked_columns: names,
      variant: z.string().nullish(),
    })
    .transform((row) => ({
      schema: row.schema_name,
      table: row.table_name,
      version: row.version,
      folder: row.folder,
      sizeBytes: row.size_bytes,
      hiddenColumns: row.hidden_columns,
      maskedColumns: row.masked_columns,
      variant: row.variant ?? null,
    })),
);

/** Takes up to so many queries off the queue, for a runner's current attempt; none for another. */
export async function claimQueries(db: Db, run: number, attempt: number, limit: number): Promise<ClaimedQuery[]> {
  const rows = await answer(db.rpc("claim_queries", { p_run: run, p_attempt: attempt, p_limit: limit }));
  return rows.map((row) => ({
    id: row.query_id,
    attempt: row.attempt,
    sql: row.sql,
    parameters: row.parameters,
    format: row.output_format,
    limits: limits.parse(row.limits),
    snapshots: snapshots.parse(row.snapshots),
  }));
}

/** Of the queries that a runner works on, those that it is to stop: cancelled, or no longer its own. */
export async function watchQueries(db: Db, run: number, attempt: number, queries: string[]): Promise<string[]> {
  return answer(db.rpc("watch_queries", { p_run: run, p_attempt: attempt, p_queries: queries }));
}

export interface QueryResult {
  columns: { name: string; type: string }[];
  /** The first rows, as many as fit. */
  preview: (null | boolean | number | string)[][];
  /** Whether the result has more rows than the preview. */
  isCut: boolean;
  rowCount: number;
  /** The object's name in the bucket. */
  object: string;
  bytes: number;
  receipt: {
    /** SHA-256 of the SQL as it was sent, in hex. */
    sql_hash: string;
    snapshots: { table: string; version: string }[];
    row_count: number;
    /** SHA-256 of the object, in hex. */
    result_hash: string;
    seconds: number;
  };
  stats: Record<string, Json>;
}

/**
 * Ends a query with its result, in whose preview and names a zero character shows as U+FFFD; stale when it was
 * cancelled or given to another runner.
 */
export async function completeQuery(
  db: Db,
  run: number,
  attempt: number,
  query: string,
  { isCut, rowCount, object, bytes, ...result }: QueryResult,
): Promise<Enums["complete_query_outcome"]> {
  const columns = result.columns.map(({ name, type }) => ({ name: storable(name), type: storable(type) }));
  const preview = result.preview.map((row) => row.map((cell) => (typeof cell === "string" ? storable(cell) : cell)));
  const figures = { is_cut: isCut, row_count: rowCount, result_object: object, result_bytes: bytes };
  const p_result = { ...result, ...figures, columns, preview };
  return answer(db.rpc("complete_query", { p_run: run, p_attempt: attempt, p_query: query, p_result }));
}

/** Ends a query that cannot be answered, with a code and a message for whoever asked. */
export async function failQuery(
  db: Db,
  run: number,
  attempt: number,
  query: string,
  { code, message }: { code: string; message: string },
): Promise<Enums["fail_query_outcome"]> {
  return answer(
    db.rpc("fail_query", {
      p_run: run,
      p_attempt: attempt,
      p_query: query,
      p_code: code,
      p_message: storable(message),
    }),
  );
}

/** Postgres stores no zero character, which DuckDB's texts may hold. */
function storable(text: string): string {
  return text.replaceAll("\0", "\ufffd");
}

/** Puts unfinished queries back into the queue, as if they had not begun. */
export async function returnQueries(db: Db, run: number, attempt: number, queries: string[]): Promise<number> {
  return answer(db.rpc("return_queries", { p_run: run, p_attempt: attempt, p_queries: queries }));
}

/** Ends a runner's run unless a query waits. */
export async function leaveQueue(db: Db, run: number, attempt: number): Promise<Enums["leave_queue_outcome"]> {
  return answer(db.rpc("leave_queue", { p_run: run, p_attempt: attempt }));
}
