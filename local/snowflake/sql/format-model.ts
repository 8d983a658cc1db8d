import { unsupported } from "../snowflake-error.ts";
import { quoteText } from "./identifiers.ts";

const DATE_ELEMENTS: [element: string, strftime: string][] = [
  ["YYYY", "%Y"],
  ["YY", "%y"],
  ["MMMM", "%B"],
  ["MON", "%b"],
  ["MM", "%m"],
  ["DD", "%d"],
  ["DY", "%a"],
  ["HH24", "%H"],
  ["HH12", "%I"],
  ["AM", "%p"],
  ["PM", "%p"],
  ["MI", "%M"],
  ["SS", "%S"],
];

type Piece = { strftime: string } | { fraction: number } | { zone: "TZH:TZM" | "TZHTZM" | "TZH" };

/** Cuts a date format into its elements; what is no element stands for itself. */
function cut(format: string): Piece[] {
  const pieces: Piece[] = [];
  let rest = format;
  const literal = (text: string) => pieces.push({ strftime: text.replaceAll("%", "%%") });
  while (rest !== "") {
    const upper = rest.toUpperCase();
    const element = DATE_ELEMENTS.find(([name]) => upper.startsWith(name));
    const zone = (["TZH:TZM", "TZHTZM", "TZH"] as const).find((name) => upper.startsWith(name));
    const fraction = /^FF(\d?)/.exec(upper);
    const quoted = /^"([^"]*)"/.exec(rest);
    if (quoted !== null) literal(quoted[1] ?? "");
    else if (fraction !== null) pieces.push({ fraction: fraction[1] === "" ? 9 : Number(fraction[1]) });
    else if (zone !== undefined) pieces.push({ zone });
    else if (element !== undefined) pieces.push({ strftime: element[1] });
    else literal(rest.charAt(0));
    const taken = quoted?.[0] ?? fraction?.[0] ?? zone ?? element?.[0] ?? rest.charAt(0);
    rest = rest.slice(taken.length);
  }
  return pieces;
}

/** Whether a format is one of dates and times rather than one of numbers. */
export const isDateFormat = (format: string) => /YY|MM|DD|MON|DY|HH|MI|SS|FF/i.test(format);

/** SQL that writes a date or time in a format. */
export function formatSql(value: string, format: string): string {
  const parts: string[] = [];
  let open = "";
  const flush = () => {
    if (open !== "") parts.push(`strftime(sf_ts(sf_wall(${value})), ${quoteText(open)})`);
    open = "";
  };
  for (const piece of cut(format)) {
    if ("strftime" in piece) {
      open += piece.strftime;
      continue;
    }
    flush();
    if ("fraction" in piece) {
      const digits = `lpad(sf_fmod(sf_wall(${value}), 1000000000)::VARCHAR, 9, '0')`;
      parts.push(`left(${digits}, ${piece.fraction})`);
    } else parts.push(zoneSql(`sf_zone_text(sf_zone_minutes(${value}))`, piece.zone));
  }
  flush();
  return parts.length === 0 ? "''" : `(${parts.join(" || ")})`;
}

function zoneSql(text: string, zone: string): string {
  if (zone === "TZHTZM") return text;
  return zone === "TZH" ? `left(${text}, 3)` : `left(${text}, 3) || ':' || right(${text}, 2)`;
}

/** SQL that reads text in a format into a DuckDB timestamp. */
export function parseSql(text: string, format: string): string {
  const model = cut(format).map((piece) => {
    if ("strftime" in piece) return piece.strftime;
    if ("fraction" in piece) return piece.fraction > 6 ? "%n" : "%f";
    throw unsupported(`reading a time zone in the format ${format}`);
  });
  return `strptime(${text}, ${quoteText(model.join(""))})::TIMESTAMP`;
}
