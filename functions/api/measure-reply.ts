import type { Context } from "hono";
import type { DataEnv } from "../../shared/http/app-env.ts";

/**
 * The bytes of a reply's body. One that does not say its `content-length` is held in memory for it: what is passed on
 * from elsewhere has to say it.
 */
export async function measureReply(c: Context<DataEnv>): Promise<number> {
  const { res } = c;
  const length = res.headers.get("content-length");
  if (length !== null) return Number(length);
  if (res.body === null) return 0;
  const body = await res.arrayBuffer();
  // Otherwise Hono would make a stream of it, and merge headers that are the same.
  c.res = undefined;
  c.res = new Response(body, res);
  return body.byteLength;
}
