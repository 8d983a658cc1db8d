import { z } from "zod";
import type { Preferences } from "./preferences.ts";
import { type ErrorBody, RestError } from "./rest-error.ts";
import type { StatementResult } from "./transaction.ts";

const responseHeaders = z.array(z.record(z.string(), z.string()));
const responseStatus = z.coerce.number().int().min(100).max(599);

interface Reply {
  status: number;
  headers: Record<string, string>;
  body: string | null;
}

/** Builds the response; SQL may have replaced the status or added headers with `set_config('response.…')`. */
export function toResponse(reply: Reply, result: StatementResult, preferences: Preferences): Response {
  const headers = new Headers(reply.headers);
  if (preferences.applied.length > 0) headers.set("Preference-Applied", preferences.applied.join(", "));
  for (const [name, value] of raisedHeaders(result.response_headers)) headers.append(name, value);
  const status = raisedStatus(result.response_status) ?? reply.status;
  return new Response(hasNoBody(status) ? null : reply.body, { status, headers });
}

export function toErrorResponse(error: RestError): Response {
  const { code, details, hint, message } = error.body;
  const body: ErrorBody = { code, details, hint, message };
  return new Response(JSON.stringify(body), {
    status: error.status,
    headers: {
      "Content-Type": "application/json; charset=utf-8",
      "Proxy-Status": `PostgREST; error=${code}`,
      ...error.headers,
    },
  });
}

function hasNoBody(status: number): boolean {
  return status === 204 || status === 304;
}

function raisedHeaders(json: string | null): [string, string][] {
  if (json === null) return [];
  const parsed = responseHeaders.safeParse(parseJson(json));
  if (parsed.success) return parsed.data.flatMap((each) => Object.entries(each));
  throw new RestError(500, {
    code: "PGRST111",
    message: "response.headers guc must be a JSON array composed of objects with a single key and a string value",
  });
}

function raisedStatus(text: string | null): number | undefined {
  if (text === null) return undefined;
  const parsed = responseStatus.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new RestError(500, { code: "PGRST112", message: "response.status guc must be a valid status code" });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
