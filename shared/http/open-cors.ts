import { cors } from "hono/cors";
import { createMiddleware } from "hono/factory";

const PREFLIGHT_SECONDS = 24 * 3600;
/** What a browser's script may read of a reply, besides the few that it always may. */
const EXPOSED = [
  "x-request-id",
  "location",
  "preference-applied",
  "retry-after",
  "content-disposition",
  "x-snapshot-version",
  "x-sample-seed",
];

const answerPreflight = cors({ origin: "*", exposeHeaders: EXPOSED, maxAge: PREFLIGHT_SECONDS });
const EXPOSED_LIST = EXPOSED.join(",");

/** Lets any origin call. Only preflights are left to Hono, whose middleware makes a second reply for every request. */
export const openCors = createMiddleware(async (c, next) => {
  if (c.req.method === "OPTIONS") return answerPreflight(c, next);
  c.header("access-control-allow-origin", "*");
  c.header("access-control-expose-headers", EXPOSED_LIST);
  return next();
});
