import { JobFailure } from "../job-failure.ts";
import type { SourceColumn } from "../snowflake/source-column.ts";
import { quoteText } from "../snowflake/sql.ts";

/**
 * How far an incremental key has been read, and from where to read on. Kept as text that people can read: a number, a
 * text, `2001-06-30`, or `2001-06-30 23:59:00.123456789` in UTC.
 */
export interface LowerBound {
  /** As text of the kind that the key's values are read as, for DuckDB to compare with. */
  staged: string;
  /** Snowflake's SQL. */
  sql: string;
}

/** Late commits bear times from before they are seen; unless the sync says otherwise this much is read again. */
const DEFAULT_OVERLAP_SECONDS = 300;
const DAY_SECONDS = 86_400;
const NANOS = 1_000_000_000n;
const NUMBER = /^-?\d+(\.\d+)?$/;

/** Refuses a key whose values cannot say what is new. */
export function requireKey({ name, type, printed }: SourceColumn): void {
  if (["number", "float", "date", "text"].includes(type.kind) || type.kind.startsWith("timestamp")) return;
  throw new JobFailure(
    "invalid_sync",
    `Cannot sync by ${name}: values of type ${printed} do not tell what is new. Take a number, a date, a timestamp or a text.`,
  );
}

/** The watermark of the largest value that was read. */
export function toWatermark({ type }: SourceColumn, staged: string): string {
  if (type.kind === "date") return dayText(BigInt(staged));
  return type.kind.startsWith("timestamp") ? momentText(BigInt(staged)) : staged;
}

/**
 * A time beyond the moment of its sync, as 9999-12-31 for a row without an end, would hide all that comes before it:
 * the watermark is the moment then.
 */
export function capWatermark({ type }: SourceColumn, watermark: string, moment: string): string {
  const isDate = type.kind === "date";
  if (!isDate && !type.kind.startsWith("timestamp")) return watermark;
  const [read, now] = [parseMoment(watermark), parseMoment(moment)];
  if (read === undefined || now === undefined || read <= now) return watermark;
  return isDate ? moment.slice(0, 10) : momentText(now);
}

/** Where to read on from: the watermark, and the overlap before it (seconds of times, else an amount). */
export function toLowerBound(
  { type }: SourceColumn,
  watermark: string,
  overlap: number | null,
): LowerBound | undefined {
  if (type.kind === "text") return { staged: watermark, sql: quoteText(watermark) };
  if (type.kind === "date") {
    const day = parseMoment(watermark);
    if (day === undefined) return undefined;
    const days = day / NANOS / BigInt(DAY_SECONDS) - BigInt(Math.ceil((overlap ?? 0) / DAY_SECONDS));
    return { staged: String(days), sql: `${quoteText(dayText(days))}::DATE` };
  }
  if (type.kind.startsWith("timestamp")) {
    const moment = parseMoment(watermark);
    if (moment === undefined) return undefined;
    const from = moment - BigInt(Math.ceil((overlap ?? DEFAULT_OVERLAP_SECONDS) * 1e9));
    const zone = type.kind === "timestamp_ntz" ? "" : " +0000";
    const cast = type.kind === "timestamp_ntz" ? "TIMESTAMP_NTZ(9)" : "TIMESTAMP_TZ(9)";
    return { staged: String(from), sql: `${quoteText(momentText(from) + zone)}::${cast}` };
  }
  if (type.kind === "float") {
    const from = Number(watermark) - (overlap ?? 0);
    return Number.isNaN(from) ? undefined : { staged: String(from), sql: `${quoteText(String(from))}::FLOAT` };
  }
  if (!NUMBER.test(watermark)) return undefined;
  const from = subtract(watermark, overlap ?? 0);
  return { staged: from, sql: from };
}

function subtract(from: string, amount: number): string {
  const digits = (text: string) => text.split(".")[1]?.length ?? 0;
  const taken = amount.toFixed(9).replace(/\.?0+$/, "");
  const scale = Math.max(digits(from), digits(taken));
  const scaled = (text: string) => BigInt(text.replace(".", "") + "0".repeat(scale - digits(text)));
  const rest = scaled(from) - scaled(taken);
  const text = String(rest < 0n ? -rest : rest).padStart(scale + 1, "0");
  const point = text.length - scale;
  return `${rest < 0n ? "-" : ""}${text.slice(0, point)}${scale === 0 ? "" : `.${text.slice(point)}`}`;
}

const dayText = (days: bigint) => momentText(days * BigInt(DAY_SECONDS) * NANOS).slice(0, 10);

/** `YYYY-MM-DD HH:MM:SS.fffffffff` of nanoseconds since 1970. */
function momentText(nanos: bigint): string {
  const fraction = ((nanos % NANOS) + NANOS) % NANOS;
  const date = new Date(Number((nanos - fraction) / NANOS) * 1000);
  // Beyond year 9999, where zones can lead, and before year 1 there is nothing that Snowflake would take.
  if (date.getUTCFullYear() > 9999) return "9999-12-31 23:59:59.999999999";
  const clamped = date.getUTCFullYear() < 1 ? "0001-01-01T00:00:00" : date.toISOString().slice(0, 19);
  return `${clamped.replace("T", " ")}.${String(fraction).padStart(9, "0")}`;
}

function parseMoment(text: string): bigint | undefined {
  const [, clock, fraction = ""] = /^(\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d)?)(?:\.(\d{1,9}))?$/.exec(text) ?? [];
  if (clock === undefined) return undefined;
  const ms = Date.parse(`${clock.includes(" ") ? clock.replace(" ", "T") : `${clock}T00:00:00`}Z`);
  return Number.isNaN(ms) ? undefined : BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}
