import { z } from "zod";
import { formatDuration, formatTable } from "../text-table.ts";

const SQL_WIDTH = 44;

const audit = z.object({
  entries: z.array(
    z.object({
      call_id: z.int(),
      event: z.string(),
      agent: z.string().nullable(),
      method: z.string().nullable(),
      path: z.string().nullable(),
      details: z.looseObject({ sql: z.string().optional(), outcome: z.string().optional() }).nullable(),
      status: z.int().nullable(),
      error_code: z.string().nullable(),
      rows: z.number().nullable(),
      milliseconds: z.number().nullable(),
    }),
  ),
});

type Entry = z.infer<typeof audit>["entries"][number];

/** Shows the calls of a page of the audit trail, a line each, oldest first; too few of them are no trail. */
export function reportAudit(page: unknown, out: NodeJS.WriteStream): void {
  const calls = new Map<number, Entry[]>();
  for (const entry of audit.parse(page).entries.toReversed()) {
    calls.set(entry.call_id, [...(calls.get(entry.call_id) ?? []), entry]);
  }
  const rows = [...calls.values()].map((events) => {
    const received = events[0];
    const end = events.find(({ event }) => event === "finished");
    const sql = events.map(({ details }) => details?.sql).find((text) => text !== undefined);
    return [
      received?.agent ?? "",
      `${received?.method} ${received?.path?.replace(/[\da-f-]{36}/, "…")}`,
      `${end?.status ?? ""}`,
      `${end?.rows ?? ""}`,
      end === undefined ? "" : formatDuration(end.milliseconds ?? 0),
      sql === undefined ? "" : `${sql.replaceAll(/\s+/g, " ").slice(0, SQL_WIDTH)} …`,
    ];
  });
  out.write("On record:\n\n");
  out.write(`${formatTable(["agent", "call", "status", "rows", "took", "SQL"], rows)}\n`);
  if (rows.length < 9) throw new Error(`only ${rows.length} calls are on record`);
}
