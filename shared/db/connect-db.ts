import { PostgrestClient } from "@supabase/postgrest-js";
import type { Database } from "./database.types.ts";

/** Calls SQL functions through the project's REST API. */
export type Db = PostgrestClient<Database>;

export interface DbOptions {
  /** Of the Supabase project, without a slash at its end. */
  url: string;
  /** The service role's key. */
  key: string;
  fetch?: typeof fetch;
}

/** Nothing here runs long in Postgres; who waits longer than this waits for a connection that is dead. */
const TIMEOUT_MS = 30_000;

/** Connects lazily: nothing is sent before the first call. */
export function connectDb({ url, key, fetch }: DbOptions): Db {
  return new PostgrestClient<Database>(`${url}/rest/v1`, {
    headers: { apikey: key, authorization: `Bearer ${key}` },
    timeout: TIMEOUT_MS,
    ...(fetch && { fetch }),
  });
}
