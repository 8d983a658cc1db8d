import { z } from "zod";

/** What Postgres and JSON both know, in any offset. */
const EARLIEST = Date.parse("0001-01-02T00:00:00Z");
const LATEST = Date.parse("9999-12-30T00:00:00Z");
const PARTS = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d)?)(\.\d{1,6})?\d*(Z|[+-]\d\d:\d\d)?)?$/;
const NO_MOMENT = "Input should be a valid datetime";

/** A day, or a moment with its offset from UTC or in UTC, as ISO 8601 writes them; it becomes UTC, with microseconds. */
export const moment = z
  .union([z.iso.datetime({ offset: true, local: true }), z.iso.date()], { error: NO_MOMENT })
  .transform((given, context) => {
    const [, day, time = "00:00", microseconds = "", offset = "Z"] = PARTS.exec(given) ?? [];
    const at = Date.parse(`${day}T${time}${offset}`);
    if (at >= EARLIEST && at <= LATEST) return `${new Date(at).toISOString().slice(0, 19)}${microseconds}Z`;
    context.addIssue(NO_MOMENT);
    return z.NEVER;
  })
  .meta({ type: "string", format: "date-time" });
