import { searchAuditQuery, searchAuditReply } from "../../../shared/contract/audit.ts";
import type { DataEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { readAuditPage } from "../read-audit-page.ts";

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
    const { entries, hasMore } = await readAuditPage(db, c.var.call.id, filter);
    c.set("rows", entries.length);
    return c.json({ entries, next_before_id: hasMore ? (entries.at(-1)?.id ?? null) : null }, 200);
  });
