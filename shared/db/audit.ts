import { answer } from "./answers.ts";
import type { Db } from "./connect-db.ts";
import type { NullableRow } from "./nullable-row.ts";

/** What to look for; all of it has to fit. */
export interface AuditFilter {
  agent?: string | undefined;
  swarm?: string | undefined;
  /** `schema.table` */
  table?: string | undefined;
  /** ISO 8601. */
  from?: string | undefined;
  to?: string | undefined;
  request_id?: string | undefined;
  limit: number;
  before_id?: number | undefined;
}

export type AuditRow = NullableRow<"search_audit", "id" | "call_id" | "event" | "at" | "is_admin">;

/** What is on record, newest first. */
export async function searchAudit(db: Db, call: number, filter: AuditFilter): Promise<AuditRow[]> {
  return answer(db.rpc("search_audit", { p_call: call, p_filter: { ...filter } }));
}
