import type { Context } from "hono";
import type { Db } from "../../shared/db/connect-db.ts";
import { getQuery, type QueryRow, type QuerySpec, submitQuery } from "../../shared/db/queries.ts";
import type { DataEnv } from "../../shared/http/app-env.ts";
import { awaitRun, type Pace } from "../../shared/http/await-run.ts";
import { preferredWait } from "../../shared/http/prefer.ts";

/** An edge function's reply begins within 150 seconds: https://supabase.com/docs/guides/functions/limits */
const CEILING_SECONDS = 140;
/** A warm runner answers in 30 ms; what is found late is found late by a tenth of what it took. */
const HURRIED: Pace = { firstMs: 8, growth: 1.1, longestMs: 1000 };

/**
 * Submits a query and waits for it as long as `Prefer: wait=N` says, or else the default; resolves to it as it then
 * stands. When the client hangs up it stops at once, and the query goes on.
 */
export async function runQuery(
  c: Context<DataEnv>,
  db: Db,
  spec: QuerySpec,
  { defaultSeconds }: { defaultSeconds: number },
): Promise<QueryRow> {
  const { id: call } = c.var.call;
  const { queryId } = await submitQuery(db, call, spec);
  const asked = preferredWait(c.req.header("prefer"));
  const seconds = Math.min(asked ?? defaultSeconds, CEILING_SECONDS);
  if (asked !== undefined) c.header("preference-applied", `wait=${seconds}`);
  const wait = { seconds, signal: c.req.raw.signal, pace: HURRIED };
  return awaitRun(() => getQuery(db, call, queryId), isOver, wait);
}

export const isOver = ({ status }: QueryRow) => status !== "pending" && status !== "running";
