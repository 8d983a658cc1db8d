import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { ErrorReply, FieldFault } from "../contract/validation.ts";
import { CorralError } from "../errors.ts";
import type { AppEnv } from "./app-env.ts";

/** A request that does not fit its schema: 422 with the list of faults. */
export class InvalidRequest extends Error {
  readonly faults: FieldFault[];

  constructor(faults: FieldFault[]) {
    super("Invalid request");
    this.faults = faults;
  }
}

/** Turns what a handler threw into the one error body; the unknown is logged once and told to nobody. */
export function respondError<Env extends AppEnv>(error: Error, c: Context<Env>): Response {
  if (error instanceof InvalidRequest) return reply(c, 422, error.faults, "invalid_request");
  if (error instanceof CorralError) return reply(c, error.status, error.detail, error.code);
  if (error instanceof HTTPException) return respondHttpException(error, c);
  console.error(`request ${c.get("requestId")}:`, error);
  return reply(c, 500, "Internal Server Error", "internal_error");
}

/** Hono's own refusals: a body that is no JSON is one that does not fit, as FastAPI sees it. */
function respondHttpException<Env extends AppEnv>(error: HTTPException, c: Context<Env>): Response {
  switch (error.status) {
    case 400:
      return reply(c, 422, [{ loc: ["body"], msg: "JSON decode error", type: "json_invalid" }], "invalid_request");
    case 413:
      return reply(c, 413, "Request body too large", "body_too_large");
    case 415:
      return reply(c, 422, [{ loc: ["body"], msg: "Input should be JSON", type: "dict_type" }], "invalid_request");
    default:
      return reply(c, error.status, error.message, "http_error");
  }
}

export function respondNotFound<Env extends AppEnv>(c: Context<Env>): Response {
  return reply(c, 404, "Not Found", "not_found");
}

/** Answers a method that a known path does not have. */
export function respondMethodNotAllowed<Env extends AppEnv>(c: Context<Env>, allowed: string[]): Response {
  c.header("allow", allowed.join(", "));
  return reply(c, 405, "Method Not Allowed", "method_not_allowed");
}

function reply<Env extends AppEnv>(
  c: Context<Env>,
  status: number,
  detail: ErrorReply["detail"],
  code: string,
): Response {
  const body: ErrorReply = { detail, code, request_id: c.get("requestId") };
  return c.json(body, isContentful(status) ? status : 500);
}

function isContentful(status: number): status is ContentfulStatusCode {
  return status >= 200 && status <= 599 && ![204, 205, 304].includes(status);
}
