import type { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import type { AppEnv } from "./app-env.ts";
import { requestId } from "./request-id.ts";
import { respondError, respondMethodNotAllowed, respondNotFound } from "./respond-error.ts";

const MAX_BODY_BYTES = 1024 * 1024;
const PREFLIGHT_SECONDS = 24 * 3600;

/** Gives an app what all functions share: request ids, CORS for any origin, a limit for bodies, one error shape. */
export function prepareApp<Env extends AppEnv>(app: Hono<Env>): void {
  app.use(requestId);
  app.use(cors({ origin: "*", exposeHeaders: ["x-request-id", "location"], maxAge: PREFLIGHT_SECONDS }));
  app.use(bodyLimit({ maxSize: MAX_BODY_BYTES }));
  app.onError(respondError);
  app.notFound(respondNotFound);
}

/** Answers 405 where a path is known and its method is not; call it when all routes are there. */
export function refuseOtherMethods<Env extends AppEnv>(app: Hono<Env>): void {
  const methodsOf = new Map<string, Set<string>>();
  for (const { path, method } of app.routes) {
    if (method === "ALL") continue;
    methodsOf.set(path, (methodsOf.get(path) ?? new Set()).add(method));
  }
  for (const [path, methods] of methodsOf) app.all(path, (c) => respondMethodNotAllowed(c, [...methods]));
}
