import { createMiddleware } from "hono/factory";
import { type AdmittedCall, admitCall } from "../../shared/db/calls.ts";
import type { Db } from "../../shared/db/connect-db.ts";
import { CorralError } from "../../shared/errors.ts";
import type { Call, DataEnv } from "../../shared/http/app-env.ts";
import type { ReadCaller } from "../../shared/http/caller.ts";
import { respondError } from "../../shared/http/respond-error.ts";
import { isAdminOnly, isPublic } from "./api-paths.ts";
import type { CallLog } from "./call-log.ts";
import { type Credentials, createCredentialsReader } from "./credentials.ts";
import { measureReply } from "./measure-reply.ts";

interface RecordOptions {
  db: Db;
  readCaller: ReadCaller;
  anonKey: string;
  log: CallLog;
}

/** Paths may be as long as a server takes them; a record need not. */
const MAX_PATH = 2000;

/**
 * Puts every call on record before anything is done about it, leaves whose it is in `c.var.call`, and records its end
 * after the reply, a refusal's too. A call that cannot be put on record is answered 5xx.
 */
export function recordCalls({ db, log, ...options }: RecordOptions) {
  const readCredentials = createCredentialsReader(options);
  return createMiddleware<DataEnv>(async (c, next) => {
    const started = performance.now();
    const { pathname, search } = new URL(c.req.url);
    const credentials = await readCredentials(c.req.header("authorization"));
    const admitted = await admitCall(db, {
      ...credentials,
      method: c.req.method,
      path: (pathname + search).slice(0, MAX_PATH),
      requestId: c.var.requestId,
      isAdminOnly: isAdminOnly(c.req.path),
      isPublic: isPublic(c.req.path),
    });
    c.set("call", toCall(admitted));
    if (admitted.outcome === "admitted") await next();
    else c.res = respondError(toRefusal(admitted, credentials), c);
    log({
      call: admitted.callId,
      status: c.res.status,
      error_code: c.var.errorCode ?? null,
      rows: c.var.rows ?? null,
      bytes: await measureReply(c),
      milliseconds: performance.now() - started,
    });
  });
}

function toCall(admitted: AdmittedCall): Call {
  if (admitted.outcome !== "admitted") return { id: admitted.callId, isAdmin: false, swarm: null, agent: null };
  const { callId: id, isAdmin, swarm, agent } = admitted;
  return { id, isAdmin, swarm, agent };
}

function toRefusal(refused: Exclude<AdmittedCall, { outcome: "admitted" }>, credentials: Credentials): Error {
  switch (refused.outcome) {
    case "rate_limited":
      return new CorralError("rate_limited", undefined, { retryAfterSeconds: Math.ceil(refused.retryAfterSeconds) });
    case "unauthorized":
      return credentials.fault ?? toUnauthorized(credentials);
    case "forbidden":
      return new CorralError("forbidden");
  }
}

/** What is missing is said whether the rest is genuine or not: so it tells nothing of that. */
function toUnauthorized({ swarmToken, missing }: Credentials): CorralError {
  if (missing !== undefined) {
    return new CorralError(
      "invalid_token",
      `The ${missing}'s token is missing: send Bearer <swarm token>;<agent token>`,
    );
  }
  return new CorralError(swarmToken === null ? "unauthorized" : "invalid_token");
}
