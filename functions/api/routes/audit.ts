import { auditDetails, searchAuditQuery, searchAuditReply } from "../../../shared/contract/audit.ts";
import { searchAudit } from "../../../shared/db/audit.ts";
import type { DataEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";

const route = createRoute({
  method: "get",
  path: "/admin/audit",
  operationId: "searchAudit",
  summary: "Search the record of calls: by agent, swarm, table, request and time",
  request: { query: searchAuditQuery },
  responses: { 200: jsonReply(searchAuditReply, "Newest first"), ...refusals },
});

/** Shows what is on record. */
export const auditRoute = ({ db }: Deps) =>
  createRouter<DataEnv>().openapi(route, async (c) => {
    const filter = c.req.valid("query");
    const rows = await searchAudit(db, c.var.call.id, filter);
    c.set("rows", rows.length);
    const entries = rows.map((row) => ({ ...row, details: auditDetails.parse(row.details) }));
    const next_before_id = rows.length < filter.limit ? null : (rows.at(-1)?.id ?? null);
    return c.json({ entries, next_before_id }, 200);
  });
