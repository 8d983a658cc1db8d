import { dataTable, dataTableParams, listDataTablesQuery, listDataTablesReply } from "../../../shared/contract/data.ts";
import { getDataTable, listDataTables } from "../../../shared/db/data.ts";
import type { DataEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { toDataTable } from "../to-data-table.ts";

const list = createRoute({
  method: "get",
  path: "/data/tables",
  operationId: "listDataTables",
  summary: "List the tables that you may see; search them by words or by a tag",
  request: { query: listDataTablesQuery },
  responses: { 200: jsonReply(listDataTablesReply, "The tables that you may see"), ...refusals },
});

const get = createRoute({
  method: "get",
  path: "/data/tables/{schema}/{table}/metadata",
  operationId: "getDataTable",
  summary: "Tell what is known of a table",
  request: { params: dataTableParams },
  responses: { 200: jsonReply(dataTable, "What is known of the table"), ...refusals },
});

/** Tells agents which tables they may see. */
export const listDataTablesRoutes = ({ db }: Deps) =>
  createRouter<DataEnv>()
    .openapi(list, async (c) => {
      const tables = await listDataTables(db, c.var.call.id, c.req.valid("query"));
      c.set("rows", tables.length);
      return c.json(tables.map(toDataTable), 200);
    })
    .openapi(get, async (c) => {
      const table = await getDataTable(db, c.var.call.id, c.req.valid("param"));
      return c.json(toDataTable(table), 200);
    });
