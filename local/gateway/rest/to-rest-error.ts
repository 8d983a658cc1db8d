import pg from "pg";
import { RestError } from "./rest-error.ts";
import { guardRefusal } from "./row-guard.ts";

/** What a query or a connection threw, with everything that Postgres did not say itself as a lost connection. */
export function refuseUnreachable(error: unknown): never {
  if (error instanceof pg.DatabaseError) throw error;
  const details = error instanceof Error ? error.message : String(error);
  throw new RestError(503, { code: "PGRST000", message: "Could not connect with the database.", details });
}

/** Translates a refusal, ours or Postgres's; `isAnonymous` decides between 401 and 403 for a missing right. */
export function toRestError(error: unknown, isAnonymous: boolean): RestError {
  if (error instanceof RestError) return error;
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) throw error;
  const { code, message, detail, hint } = error;
  if (code === "PGRST") return raisedResponse(message, detail);
  const guarded = guardRefusal(error);
  if (guarded !== undefined) return guarded;
  return new RestError(
    statusOf(code, message, isAnonymous),
    { code, message, details: detail ?? null, hint: hint ?? null },
    code === "42501" && isAnonymous ? { "WWW-Authenticate": "Bearer" } : {},
  );
}

const STATUS_BY_CODE: Record<string, number> = {
  "23503": 409,
  "23505": 409,
  "25006": 405,
  "42883": 404,
  "42P01": 404,
  "42P17": 500,
  "53400": 500,
  "57P01": 503,
  P0001: 400,
};

const STATUS_BY_CLASS: Record<string, number> = {
  "08": 503,
  "09": 500,
  "0L": 403,
  "0P": 403,
  "25": 500,
  "28": 403,
  "2D": 500,
  "38": 500,
  "39": 500,
  "3B": 500,
  "40": 500,
  "53": 503,
  "54": 500,
  "55": 500,
  "57": 500,
  "58": 500,
  F0: 500,
  HV: 500,
  P0: 500,
  XX: 500,
};

function statusOf(code: string, message: string, isAnonymous: boolean): number {
  if (code === "42501") return isAnonymous ? 401 : 403;
  if (code === "21000") return message.includes("requires a WHERE clause") ? 400 : 500;
  const custom = /^PT([1-5]\d\d)$/.exec(code);
  if (custom) return Number(custom[1]);
  return STATUS_BY_CODE[code] ?? STATUS_BY_CLASS[code.slice(0, 2)] ?? 400;
}

/** `raise sqlstate 'PGRST'` gives SQL the whole response: body as JSON in the message, status and headers in the detail. */
function raisedResponse(message: string, detail: string | undefined): RestError {
  const body = parseObject(message);
  const response = parseObject(detail ?? "");
  if (body === undefined || response === undefined) {
    return new RestError(500, {
      code: "PGRST121",
      message: "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error",
      hint: "MESSAGE must be a JSON object with obligatory keys: 'code', 'message'. DETAIL must be a JSON object with obligatory keys: 'status', 'headers'.",
    });
  }
  return new RestError(
    Number(response.status ?? 500),
    {
      code: String(body.code),
      message: String(body.message),
      details: body.details == null ? null : String(body.details),
      hint: body.hint == null ? null : String(body.hint),
    },
    response.headers ?? {},
  );
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
