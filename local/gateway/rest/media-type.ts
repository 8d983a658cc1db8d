import { RestError } from "./rest-error.ts";

/** How the caller wants the rows: all of them, or the only one as an object. */
export interface Shape {
  singular: boolean;
  stripNulls: boolean;
  contentType: string;
}

const OBJECT = "application/vnd.pgrst.object";
const ARRAY = "application/vnd.pgrst.array";
const PLAIN = new Set(["application/json", "application/*", "*/*", ""]);

/** Takes the first of the accepted media types that can be served. */
export function parseShape(headers: Headers): Shape {
  const accept = headers.get("accept") ?? "*/*";
  for (const each of accept.split(",")) {
    const [type = "", ...parameters] = each.split(";").map((part) => part.trim().toLowerCase());
    const stripNulls = parameters.includes("nulls=stripped");
    const suffix = `+json${stripNulls ? ";nulls=stripped" : ""}; charset=utf-8`;
    const base = type.replace(/\+json$/, "");
    if (base === OBJECT) return { singular: true, stripNulls, contentType: OBJECT + suffix };
    if (base === ARRAY) return { singular: false, stripNulls, contentType: ARRAY + suffix };
    if (PLAIN.has(type)) {
      return { singular: false, stripNulls: false, contentType: "application/json; charset=utf-8" };
    }
  }
  throw new RestError(406, { code: "PGRST107", message: `None of these media types are available: ${accept}` });
}

/** The rows of `pgrst_source` as one JSON text. */
export function rowsJsonSql({ singular, stripNulls }: Shape): string {
  const rows = stripNulls ? "json_strip_nulls(json_agg(pgrst_source))" : "json_agg(pgrst_source)";
  return singular ? `(${rows} -> 0)::text` : `coalesce(${rows}, '[]')::text`;
}
