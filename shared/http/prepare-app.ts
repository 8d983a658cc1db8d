import type { Hono, MiddlewareHandler } from "hono";
import type { AppEnv } from "./app-env.ts";
import { limitBody } from "./limit-body.ts";
import { openCors } from "./open-cors.ts";
import { requestId } from "./request-id.ts";
import { respondError, respondMethodNotAllowed, respondNotFound } from "./respond-error.ts";

const MAX_BODY_BYTES = 1024 * 1024;

/** A path that takes larger bodies than others do. */
export interface Upload {
  path: string;
  maxBytes: number;
  /** What a caller reads whose body is larger still. */
  tooLarge: string;
}

/**
 * Gives an app what all functions share: request ids, CORS for any origin, a limit for bodies, one error shape. What is
 * given as `first` sees every request with its id, those with too large a body included.
 */
export function prepareApp<Env extends AppEnv>(
  app: Hono<Env>,
  uploads: Upload[] = [],
  first: MiddlewareHandler<Env>[] = [],
): void {
  app.use(requestId);
  app.use(openCors);
  for (const middleware of first) app.use(middleware);
  const limit = limitBody(MAX_BODY_BYTES);
  const limits = new Map(uploads.map(({ path, maxBytes, tooLarge }) => [path, limitBody(maxBytes, tooLarge)]));
  app.use((c, next) => (limits.get(c.req.path) ?? limit)(c, next));
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
