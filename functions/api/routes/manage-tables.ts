import {
  manageTableReply,
  manageTableRequest,
  tableParams,
  updateTableReply,
  updateTableRequest,
} from "../../../shared/contract/tables.ts";
import type { Db } from "../../../shared/db/connect-db.ts";
import type { QualifiedTable } from "../../../shared/db/syncs.ts";
import { getTableStatus, revokeGrant, type TableRef, unregisterTable, updateTable } from "../../../shared/db/tables.ts";
import type { DataEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import { admitTable } from "../admit-table.ts";
import type { Deps } from "../app.ts";

const manageRoute = createRoute({
  method: "post",
  path: "/admin/tables",
  operationId: "manageTable",
  summary: "Register a table and grant it to a swarm, or take it from a swarm, or off the list",
  request: { body: jsonBody(manageTableRequest) },
  responses: { 200: jsonReply(manageTableReply, "The table, active or inactive"), ...refusals },
});

const updateRoute = createRoute({
  method: "patch",
  path: "/admin/tables/{schema}/{table}",
  operationId: "updateTable",
  summary: "Change what people read about a table; what is left out stays",
  request: { params: tableParams, body: jsonBody(updateTableRequest) },
  responses: { 200: jsonReply(updateTableReply, "Done"), ...refusals },
});

/** Let agents see tables, or not, and say what is in them. */
export const manageTablesRoutes = ({ db }: Deps) =>
  createRouter<DataEnv>()
    .openapi(manageRoute, async (c) => {
      const { action, table_name: table, schema_name: schema, ...wishes } = c.req.valid("json");
      const found =
        action === "remove"
          ? await removeTable(db, c.var.call.id, { schema, table }, wishes.swarm ?? null)
          : await admitTable(c, db, { schema, table }, { ...wishes, grant: true });
      return c.json({ ...found, source: "snowflake" } as const, 200);
    })
    .openapi(updateRoute, async (c) => {
      const table_id = await updateTable(db, c.var.call.id, c.req.valid("param"), c.req.valid("json"));
      return c.json({ table_id, message: "Table updated" }, 200);
    });

/** Takes a table from a swarm, or from all: then it is off the list. */
async function removeTable(db: Db, call: number, name: QualifiedTable, swarm: string | null): Promise<TableRef> {
  if (swarm === null) return unregisterTable(db, call, name);
  await revokeGrant(db, call, name, swarm);
  const { table_id, table_name, schema_name } = await getTableStatus(db, call, name);
  return { table_id, table_name, schema_name, status: "active" };
}
