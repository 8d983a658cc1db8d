import { createMiddleware } from "hono/factory";
import type { AppEnv } from "./app-env.ts";

const PLAUSIBLE = /^[\w.:-]{1,128}$/;

/** Names every request: by its `x-request-id` when a client or gateway gave one, and gives it back. */
export const requestId = createMiddleware<AppEnv>(async (c, next) => {
  const given = c.req.header("x-request-id");
  const id = given !== undefined && PLAUSIBLE.test(given) ? given : crypto.randomUUID();
  c.set("requestId", id);
  // Before there is a reply: a header that is added to one costs a copy of it.
  c.header("x-request-id", id);
  await next();
});
