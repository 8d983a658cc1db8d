import { RestError } from "./rest-error.ts";

/** A request's body: its text, which Postgres reads, and its keys, which decide what the statement looks like. */
export type JsonBody =
  | { kind: "object"; text: string; keys: string[] }
  | { kind: "array"; text: string; elements: unknown[] }
  | { kind: "other"; text: string };

/** Parses a JSON body; an empty one counts as `{}`. */
export function parseJsonBody(text: string, contentType: string | null): JsonBody {
  if (text === "") return { kind: "object", text: "{}", keys: [] };
  if (contentType !== null && !/^application\/(?:[\w.-]+\+)?json\b/i.test(contentType)) {
    throw new RestError(400, { code: "PGRST102", message: `Content-Type not acceptable: ${contentType}` });
  }
  const value = parse(text);
  if (Array.isArray(value)) return { kind: "array", text, elements: value };
  return isObject(value) ? { kind: "object", text, keys: Object.keys(value) } : { kind: "other", text };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RestError(400, {
      code: "PGRST102",
      message: "Empty or invalid json",
      details: error instanceof Error ? error.message : null,
    });
  }
}

/** A JSON object, which is neither null nor an array. */
export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
