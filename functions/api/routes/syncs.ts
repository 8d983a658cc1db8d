import { idParams } from "../../../shared/contract/digits.ts";
import { listSyncsQuery, listSyncsReply, startSyncRequest, syncReply } from "../../../shared/contract/syncs.ts";
import { cancelSync, getSync, listSyncs, startSync } from "../../../shared/db/syncs.ts";
import { CorralError } from "../../../shared/errors.ts";
import type { DataEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { awaitSource } from "../await-source.ts";
import { toSyncReply } from "../to-sync-reply.ts";
import { toSyncSpec } from "../to-sync-spec.ts";

const startRoute = createRoute({
  method: "post",
  path: "/sync/start",
  operationId: "startSync",
  summary: "Start a sync: its fields at top level, or in sync_request",
  description:
    "A table that nobody registered is looked for in Snowflake, which may take some seconds, and registered.",
  request: { body: jsonBody(startSyncRequest) },
  responses: { 200: jsonReply(syncReply, "The sync, which waits for its container"), ...refusals },
});

const listRoute = createRoute({
  method: "get",
  path: "/sync/jobs",
  operationId: "listSyncs",
  summary: "List syncs, newest first",
  request: { query: listSyncsQuery },
  responses: { 200: jsonReply(listSyncsReply, "Newest first"), ...refusals },
});

const getRoute = createRoute({
  method: "get",
  path: "/sync/jobs/{id}",
  operationId: "getSync",
  summary: "Tell how a sync is getting on",
  request: { params: idParams },
  responses: { 200: jsonReply(syncReply, "The sync, and how far it is"), ...refusals },
});

const cancelRoute = createRoute({
  method: "post",
  path: "/sync/jobs/{id}/cancel",
  operationId: "cancelSync",
  summary: "Cancel a sync; the last snapshot goes on serving",
  request: { params: idParams },
  responses: { 200: jsonReply(syncReply, "The sync, which is over"), ...refusals },
});

/** Start, follow and cancel syncs. */
export const syncRoutes = ({ db }: Deps) =>
  createRouter<DataEnv>()
    .openapi(startRoute, async (c) => {
      const { table_name: table, schema_name: schema, ...wishes } = c.req.valid("json");
      const { sync } = await awaitSource(c, db, (run) =>
        startSync(db, c.var.call.id, { schema, table }, toSyncSpec(wishes), run),
      );
      if (sync === null) throw new CorralError("table_not_found");
      return c.json(toSyncReply(sync), 200);
    })
    .openapi(listRoute, async (c) => {
      const syncs = await listSyncs(db, c.var.call.id, c.req.valid("query").limit);
      c.set("rows", syncs.length);
      return c.json(syncs.map(toSyncReply), 200);
    })
    .openapi(getRoute, async (c) => c.json(toSyncReply(await getSync(db, c.var.call.id, c.req.valid("param").id)), 200))
    .openapi(cancelRoute, async (c) =>
      c.json(toSyncReply(await cancelSync(db, c.var.call.id, c.req.valid("param").id)), 200),
    );
