import type { Context } from "hono";
import { CONTENT_TYPES } from "../../shared/content-types.ts";
import { CorralError } from "../../shared/errors.ts";
import type { DataEnv } from "../../shared/http/app-env.ts";
import { fetchObject } from "./fetch-object.ts";
import type { QueryResult } from "./query-files.ts";

/** Larger results do not pass through here: their reader is sent to the bucket. */
const MAX_INLINE_BYTES = 1024 * 1024;

/** Replies with a query's result: the bytes themselves when they are few, else a redirect to them. */
export async function deliverResult(c: Context<DataEnv>, result: QueryResult): Promise<Response> {
  c.set("rows", result.rowCount);
  // A POST that was answered 302 might be posted again, to the bucket.
  if (result.bytes > MAX_INLINE_BYTES) return c.redirect(result.url, c.req.method === "GET" ? 302 : 303);
  const stored = await fetchObject(result.url);
  if (stored === undefined) throw new CorralError("result_gone");
  const extension = result.outputFormat;
  c.header("content-disposition", `attachment; filename="${result.queryId}.${extension}"`);
  c.header("content-type", CONTENT_TYPES[extension]);
  return c.body(await stored.arrayBuffer(), 200);
}
