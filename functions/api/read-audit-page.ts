import type { z } from "zod";
import { auditDetails } from "../../shared/contract/audit.ts";
import { type AuditFilter, type AuditRow, searchAudit } from "../../shared/db/audit.ts";
import type { Db } from "../../shared/db/connect-db.ts";

/** Of entries that are asked for at once: one may be of 400,000 characters, and a function has 256 MB. */
const ROWS_AT_ONCE = 100;
const MAX_DETAILS_LENGTH = 4 * 1024 * 1024;

type Entry = Omit<AuditRow, "details"> & { details: z.infer<typeof auditDetails> };

/** The newest entries that fit a filter, as many as it says or as few as are large; and whether there may be more. */
export async function readAuditPage(
  db: Db,
  call: number,
  { limit, before_id, ...filter }: AuditFilter,
): Promise<{ entries: Entry[]; hasMore: boolean }> {
  const entries: Entry[] = [];
  let length = 0;
  while (entries.length < limit) {
    const asked = Math.min(ROWS_AT_ONCE, limit - entries.length);
    const rows = await searchAudit(db, call, { ...filter, limit: asked, before_id: entries.at(-1)?.id ?? before_id });
    for (const row of rows) {
      const details = auditDetails.parse(row.details);
      length += JSON.stringify(details).length;
      if (length > MAX_DETAILS_LENGTH && entries.length > 0) return { entries, hasMore: true };
      entries.push({ ...row, details });
    }
    if (rows.length < asked) return { entries, hasMore: false };
  }
  return { entries, hasMore: true };
}
