import type { Context } from "hono";
import type { Db } from "../../shared/db/connect-db.ts";
import { getQuery, type QueryRow, type QuerySpec, submitQuery } from "../../shared/db/queries.ts";
import type { DataEnv } from "../../shared/http/app-env.ts";
import { preferredWait } from "../../shared/http/prefer.ts";
import type { QueryWatch } from "./query-watch.ts";

/** An edge function's reply begins within 150 seconds: https://supabase.com/docs/guides/functions/limits */
const CEILING_SECONDS = 140;

/**
 * Submits a query and waits for it as long as `Prefer: wait=N` says, or else the default; resolves to it as it then
 * stands, which without a wait is pending. When the client hangs up it stops at once, and the query goes on.
 */
export async function runQuery(
  c: Context<DataEnv>,
  { db, watch }: { db: Db; watch: QueryWatch },
  spec: QuerySpec,
  { defaultSeconds }: { defaultSeconds: number },
): Promise<QueryRow> {
  const { id: call } = c.var.call;
  const submitted = await submitQuery(db, call, spec);
  const asked = preferredWait(c.req.header("prefer"));
  const seconds = Math.min(asked ?? defaultSeconds, CEILING_SECONDS);
  if (asked !== undefined) c.header("preference-applied", `wait=${seconds}`);
  if (seconds === 0) return submitted;
  const { query_id: queryId } = submitted;
  const finished = await watch.wait({ call, queryId }, { seconds, signal: c.req.raw.signal });
  return finished ?? getQuery(db, call, queryId);
}

export const isOver = ({ status }: QueryRow) => status !== "pending" && status !== "running";
