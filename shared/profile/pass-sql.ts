import type { ColumnKind } from "./column-kind.ts";

/** Beyond this a double cannot hold the square of a value. */
const SQUARABLE = "1e150";
/** What a profile shows of a text. */
const SHOWN_CHARACTERS = 256;

/** What one pass over a column's values `v` says of them, each with its name. */
export function passSql(column: ColumnKind): string[] {
  const said = {
    row_count: "count(*)",
    present: "count(v)",
    estimate: "least(approx_count_distinct(v), count(v))",
    ...(column.ordinal === null ? saidOfOthers(column.kind) : saidOfOrdinals(column)),
  };
  return Object.entries(said).map(([name, sql]) => `${sql} AS ${name}`);
}

function saidOfOthers(kind: ColumnKind["kind"]): Record<string, string> {
  const hasEnds = kind === "text" || kind === "boolean";
  return {
    least: hasEnds ? `min(${shownSql("v", kind)})` : "NULL",
    greatest: hasEnds ? `max(${shownSql("v", kind)})` : "NULL",
    longest: longestSql(kind),
    mean: "NULL",
    std: "NULL",
    quartiles: "NULL::INTEGER[]",
  };
}

function saidOfOrdinals({ kind, ordinal }: Extract<ColumnKind, { kind: "number" | "time" }>): Record<string, string> {
  const place = ordinal.toOrdinal("v");
  const finite = ordinal.isFinite?.("v");
  const filter = finite === undefined ? "" : ` FILTER (WHERE ${finite})`;
  const moment = (aggregate: string) => {
    if (kind === "time") return "NULL";
    if (finite === undefined) return `${aggregate}(${place})`;
    // An aggregate overflows even when nobody wants its value.
    const squarable = `${aggregate}(${place}) FILTER (WHERE ${finite} AND abs(${place}) < ${SQUARABLE})`;
    return `CASE WHEN max(abs(${place}))${filter} < ${SQUARABLE} THEN ${squarable} END`;
  };
  const quartiles = `approx_quantile(${place}, [0.25, 0.5, 0.75])${filter}`;
  return {
    least: `min(v)${filter}`,
    greatest: `max(v)${filter}`,
    longest: "16",
    mean: moment("avg"),
    std: moment("stddev_samp"),
    quartiles: `list_transform(${quartiles}, lambda q: ${ordinal.fromOrdinal("q")})`,
    low: `min(${place})${filter}`,
    high: `max(${place})${filter}`,
  };
}

/** The longest value, in bytes. */
function longestSql(kind: ColumnKind["kind"]): string {
  if (kind === "boolean") return "1";
  if (kind === "blob") return "max(octet_length(v))";
  return kind === "text" || kind === "json" ? "max(strlen(v))" : "max(strlen(v::VARCHAR))";
}

/** As much of a value as a profile shows. */
export function shownSql(value: string, kind: ColumnKind["kind"]): string {
  if (kind === "number" || kind === "time" || kind === "boolean") return value;
  const text = kind === "text" ? value : kind === "blob" ? `to_base64(${value})` : `${value}::VARCHAR`;
  return `left(${text}, ${SHOWN_CHARACTERS})`;
}
