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

/** Turns what a handler threw into the one error body; what nobody asked for is logged once and told to nobody. */
export function respondError<Env extends AppEnv>(error: Error, c: Context<Env>): Response {
  if (error instanceof InvalidRequest) return refuse(c, new CorralError("invalid_request"), { detail: error.faults });
  if (error instanceof HTTPException) return respondHttpException(error, c);
  const isForeseen = error instanceof CorralError;
  // A vendor that fails has left its words behind; a run that failed has told them already.
  const isOurs = !isForeseen || (error.status >= 500 && error.cause !== undefined);
  if (isOurs) console.error(`request ${c.get("requestId")}:`, error);
  return refuse(c, isForeseen ? error : new CorralError("internal_error", "Internal Server Error"));
}

/** Hono's own refusals: a body that cannot be read is one that does not fit, as FastAPI sees it. */
function respondHttpException<Env extends AppEnv>(error: HTTPException, c: Context<Env>): Response {
  const misfit = (msg: string, type: string) =>
    refuse(c, new CorralError("invalid_request"), { detail: [{ loc: ["body"], msg, type }] });
  switch (error.status) {
    case 400:
      if (error.message.startsWith("Malformed FormData"))
        return misfit("The form cannot be read: its parts are not as its content type announces them", "form_invalid");
      return misfit("JSON decode error", "json_invalid");
    case 415:
      return misfit("Input should be JSON", "dict_type");
    default:
      return refuse(c, new CorralError("http_error", error.message), { status: error.status });
  }
}

export function respondNotFound<Env extends AppEnv>(c: Context<Env>): Response {
  return refuse(c, new CorralError("not_found"));
}

/** Answers a method that a known path does not have. */
export function respondMethodNotAllowed<Env extends AppEnv>(c: Context<Env>, allowed: string[]): Response {
  c.header("allow", allowed.join(", "));
  return refuse(c, new CorralError("method_not_allowed"));
}

function refuse<Env extends AppEnv>(
  c: Context<Env>,
  { code, retryAfterSeconds, ...refusal }: CorralError,
  { detail = refusal.detail, status = refusal.status }: { detail?: ErrorReply["detail"]; status?: number } = {},
): Response {
  if (retryAfterSeconds !== undefined) c.header("retry-after", String(retryAfterSeconds));
  c.set("errorCode", code);
  const body: ErrorReply = { detail, code, request_id: c.get("requestId") };
  return c.json(body, isContentful(status) ? status : 500);
}

function isContentful(status: number): status is ContentfulStatusCode {
  return status >= 200 && status <= 599 && ![204, 205, 304].includes(status);
}
