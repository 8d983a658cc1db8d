import { createMiddleware } from "hono/factory";
import type { AppEnv } from "./app-env.ts";

const PLAUSIBLE = /^[\w.:-]{1,128}$/;

/** Names every request: by its `x-request-id` when a client or gateway gave one, and gives it back. */
export const requestId = createMiddleware<AppEnv>(async (c, next) => {
  const given = c.req.header("x-request-id");
  const id = given !== undefined && PLAUSIBLE.test(given) ? given : crypto.randomUUID();
  c.set("requestId", id);
  await next();
  c.header("x-request-id", id);
});
