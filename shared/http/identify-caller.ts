import { createMiddleware } from "hono/factory";
import type { CallerEnv } from "./app-env.ts";
import type { ReadCaller } from "./caller.ts";

/** Leaves the caller in `c.var.caller`; a token that is not genuine ends the request with 401. */
export const identifyCaller = (readCaller: ReadCaller) =>
  createMiddleware<CallerEnv>(async (c, next) => {
    c.set("caller", await readCaller(c.req.header("authorization")));
    await next();
  });
