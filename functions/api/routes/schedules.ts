import { putScheduleRequest, scheduleReply, syncDetails } from "../../../shared/contract/syncs.ts";
import { tableParams } from "../../../shared/contract/tables.ts";
import { setSchedule } from "../../../shared/db/syncs.ts";
import { getTableStatus } from "../../../shared/db/tables.ts";
import type { DataEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { toSyncSpec } from "../to-sync-spec.ts";

const path = "/sync/tables/{schema}/{table}/schedule";

const getRoute = createRoute({
  method: "get",
  path,
  operationId: "getSchedule",
  summary: "Tell when a table is synced by itself, and how",
  request: { params: tableParams },
  responses: { 200: jsonReply(scheduleReply, "The schedule; both fields are null when there is none"), ...refusals },
});

const putRoute = createRoute({
  method: "put",
  path,
  operationId: "setSchedule",
  summary: "Sync a table by a cron expression",
  request: { params: tableParams, body: jsonBody(putScheduleRequest) },
  responses: { 200: jsonReply(scheduleReply, "The schedule, in the place of the one before"), ...refusals },
});

const deleteRoute = createRoute({
  method: "delete",
  path,
  operationId: "removeSchedule",
  summary: "Sync a table only when asked to",
  request: { params: tableParams },
  responses: { 200: jsonReply(scheduleReply, "There is none any more"), ...refusals },
});

/** Say when a table is synced by itself, and tell it. */
export const scheduleRoutes = ({ db }: Deps) =>
  createRouter<DataEnv>()
    .openapi(getRoute, async (c) => {
      const { schedule, schedule_spec } = await getTableStatus(db, c.var.call.id, c.req.valid("param"));
      return c.json({ schedule, spec: syncDetails.parse(schedule_spec) }, 200);
    })
    .openapi(putRoute, async (c) => {
      const { cron, ...wishes } = c.req.valid("json");
      const wanted = { cron, spec: toSyncSpec(wishes) };
      const { schedule, spec } = await setSchedule(db, c.var.call.id, c.req.valid("param"), wanted);
      return c.json({ schedule, spec: syncDetails.parse(spec) }, 200);
    })
    .openapi(deleteRoute, async (c) => {
      await setSchedule(db, c.var.call.id, c.req.valid("param"), null);
      return c.json({ schedule: null, spec: null }, 200);
    });
