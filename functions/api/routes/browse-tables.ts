import {
  listSnapshotsReply,
  listTablesReply,
  schemaParams,
  sourceTablesReply,
  tableParams,
  tableStatusReply,
} from "../../../shared/contract/tables.ts";
import { browseSource, getTableStatus, listSnapshots, listTables } from "../../../shared/db/tables.ts";
import type { DataEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { awaitSource } from "../await-source.ts";
import { toListedTable, toTableStatus } from "../to-table-reply.ts";

const listRoute = (path: string, operationId: string) =>
  createRoute({
    method: "get",
    path,
    operationId,
    summary: "List the tables that are registered",
    responses: { 200: jsonReply(listTablesReply, "By schema and name"), ...refusals },
  });

const browseRoute = createRoute({
  method: "get",
  path: "/sync/tables/{schema}",
  operationId: "browseSource",
  summary: "List the tables that Snowflake has in a schema; it may have to be asked, which takes some seconds",
  request: { params: schemaParams },
  responses: { 200: jsonReply(sourceTablesReply, "Seen within the last minute"), ...refusals },
});

const statusRoute = createRoute({
  method: "get",
  path: "/sync/tables/{schema}/{table}/status",
  operationId: "getTableStatus",
  summary: "Tell how a registered table stands",
  request: { params: tableParams },
  responses: { 200: jsonReply(tableStatusReply, "Its last sync, and what readers get"), ...refusals },
});

const snapshotsRoute = createRoute({
  method: "get",
  path: "/sync/tables/{schema}/{table}/snapshots",
  operationId: "listSnapshots",
  summary: "List the versions of a table that there are",
  request: { params: tableParams },
  responses: { 200: jsonReply(listSnapshotsReply, "Newest first"), ...refusals },
});

/** Tell which tables there are, here and in Snowflake. */
export const browseTablesRoutes = ({ db }: Deps) =>
  createRouter<DataEnv>()
    .openapi(listRoute("/sync/tables", "listTables"), async (c) => {
      const tables = await listTables(db, c.var.call.id);
      c.set("rows", tables.length);
      return c.json(tables.map(toListedTable), 200);
    })
    .openapi(listRoute("/admin/tables", "listAdminTables"), async (c) => {
      const tables = await listTables(db, c.var.call.id);
      c.set("rows", tables.length);
      return c.json(tables.map(toListedTable), 200);
    })
    .openapi(browseRoute, async (c) => {
      const { schema } = c.req.valid("param");
      const { tables } = await awaitSource(c, db, (run) => browseSource(db, c.var.call.id, schema, run));
      const listed = sourceTablesReply.parse(tables);
      c.set("rows", listed.length);
      return c.json(listed, 200);
    })
    .openapi(statusRoute, async (c) => {
      const status = await getTableStatus(db, c.var.call.id, c.req.valid("param"));
      return c.json(toTableStatus(status), 200);
    })
    .openapi(snapshotsRoute, async (c) => {
      const snapshots = await listSnapshots(db, c.var.call.id, c.req.valid("param"));
      c.set("rows", snapshots.length);
      return c.json(snapshots, 200);
    });
