import { RestError } from "./rest-error.ts";

/** The hosted default of `max_rows`: no read returns more. */
export const MAX_ROWS = 1000;

export interface Page {
  offset: number;
  limit: number;
}

/** Takes the page from `offset` and `limit`, else from a `Range: 0-9` header on a GET. */
export function parsePage(params: URLSearchParams, method: string, headers: Headers): Page {
  const range = method === "GET" ? parseRange(headers.get("range")) : undefined;
  const offset = nonNegative(params, "offset") ?? range?.offset ?? 0;
  const limit = nonNegative(params, "limit") ?? range?.limit ?? MAX_ROWS;
  return { offset, limit: Math.min(limit, MAX_ROWS) };
}

function nonNegative(params: URLSearchParams, name: string): number | undefined {
  const text = params.get(name);
  if (text === null) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw unsatisfiable(`The ${name} must be a whole number that is not negative, got "${text}".`);
}

function parseRange(header: string | null): Page | undefined {
  const range = /^(?:items=)?(\d{1,15})-(\d{0,15})$/.exec(header ?? "");
  if (range === null) return undefined;
  const first = Number(range[1]);
  if (!range[2]) return { offset: first, limit: MAX_ROWS };
  const last = Number(range[2]);
  if (last < first) throw unsatisfiable("The lower boundary must be lower than or equal to the upper boundary.");
  return { offset: first, limit: last - first + 1 };
}

/** `Content-Range` of a page: `0-9/100`, or a star where a number is unknown or there is no row. */
export function contentRange(offset: number, rows: number, total: number | null): string {
  return `${rows === 0 ? "*" : `${offset}-${offset + rows - 1}`}/${total ?? "*"}`;
}

/** 206 for a part of a known whole; asking beyond its end is refused. */
export function pageStatus(offset: number, rows: number, total: number | null): 200 | 206 {
  if (total === null) return 200;
  if (offset > total) throw unsatisfiable(`An offset of ${offset} was requested, but there are only ${total} rows.`);
  return rows < total ? 206 : 200;
}

function unsatisfiable(details: string): RestError {
  return new RestError(416, { code: "PGRST103", message: "Requested range not satisfiable", details });
}
