import { registerTableReply, registerTableRequest, tableParams } from "../../../shared/contract/tables.ts";
import { unregisterTable } from "../../../shared/db/tables.ts";
import type { DataEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import { admitTable } from "../admit-table.ts";
import type { Deps } from "../app.ts";

const registerRoute = createRoute({
  method: "post",
  path: "/sync/tables/register",
  operationId: "registerTable",
  summary: "Register a table that Snowflake has; nobody but admins sees it before it is granted",
  request: { body: jsonBody(registerTableRequest) },
  responses: { 200: jsonReply(registerTableReply, "The table, ready to be synced"), ...refusals },
});

const unregisterRoute = createRoute({
  method: "delete",
  path: "/sync/tables/{schema}/{table}",
  operationId: "unregisterTable",
  summary: "Take a table off the list; its sync is cancelled, and agents see it no more",
  request: { params: tableParams },
  responses: { 200: jsonReply(registerTableReply, "The table, which is inactive now"), ...refusals },
});

/** Put Snowflake's tables on the list of what may be synced, and take them off. */
export const registerTableRoutes = ({ db }: Deps) =>
  createRouter<DataEnv>()
    .openapi(registerRoute, async (c) => {
      const { table_name: table, schema_name: schema, description, tags } = c.req.valid("json");
      return c.json(await admitTable(c, db, { schema, table }, { description, tags }), 200);
    })
    .openapi(unregisterRoute, async (c) => {
      return c.json(await unregisterTable(db, c.var.call.id, c.req.valid("param")), 200);
    });
