import {
  doneReply,
  grantParams,
  grantReply,
  listGrantsReply,
  putGrantRequest,
  tableParams,
} from "../../../shared/contract/tables.ts";
import { grantTable, listGrants, revokeGrant } from "../../../shared/db/tables.ts";
import type { DataEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";

const listRoute = createRoute({
  method: "get",
  path: "/admin/tables/{schema}/{table}/grants",
  operationId: "listGrants",
  summary: "Tell which swarms may see a table",
  request: { params: tableParams },
  responses: { 200: jsonReply(listGrantsReply, "By swarm"), ...refusals },
});

const putRoute = createRoute({
  method: "put",
  path: "/admin/tables/{schema}/{table}/grants/{swarm}",
  operationId: "grantTable",
  summary: "Let a swarm see a table, but for the columns that are hidden or masked",
  request: { params: grantParams, body: jsonBody(putGrantRequest) },
  responses: { 200: jsonReply(grantReply, "The grant, in the place of the one before"), ...refusals },
});

const deleteRoute = createRoute({
  method: "delete",
  path: "/admin/tables/{schema}/{table}/grants/{swarm}",
  operationId: "revokeGrant",
  summary: "Take a table from a swarm",
  request: { params: grantParams },
  responses: { 200: jsonReply(doneReply, "The swarm sees it no more"), ...refusals },
});

/** Say which swarm sees what of a table. */
export const grantRoutes = ({ db }: Deps) =>
  createRouter<DataEnv>()
    .openapi(listRoute, async (c) => c.json(await listGrants(db, c.var.call.id, c.req.valid("param")), 200))
    .openapi(putRoute, async (c) => {
      const { swarm, ...table } = c.req.valid("param");
      const { hidden_columns, masked_columns } = c.req.valid("json");
      const grant = { swarm, hidden: hidden_columns ?? [], masked: masked_columns ?? [] };
      return c.json(await grantTable(db, c.var.call.id, table, grant), 200);
    })
    .openapi(deleteRoute, async (c) => {
      const { swarm, ...table } = c.req.valid("param");
      await revokeGrant(db, c.var.call.id, table, swarm);
      return c.json({ message: "Grant revoked" }, 200);
    });
