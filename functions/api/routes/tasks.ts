import type { z } from "zod";
import {
  activeTasksReply,
  taskParams,
  taskQueuesReply,
  taskStatusReply,
  taskWorkersReply,
} from "../../../shared/contract/monitoring.ts";
import { getTaskStatus, listActiveTasks, listTaskQueues, listTaskWorkers } from "../../../shared/db/monitoring.ts";
import type { DataEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";

const statusRoute = createRoute({
  method: "get",
  path: "/tasks/status/{id}",
  operationId: "getTaskStatus",
  summary: "Tell how a run or a query is getting on",
  request: { params: taskParams },
  responses: { 200: jsonReply(taskStatusReply, "Its state, and whether it went well once it is over"), ...refusals },
});

const route = <Schema extends z.ZodType>(name: string, operationId: string, summary: string, schema: Schema) =>
  createRoute({
    method: "get",
    path: `/tasks/${name}`,
    operationId,
    summary,
    responses: { 200: jsonReply(schema, summary), ...refusals },
  });

/** Show what the containers are at. */
export const taskRoutes = ({ db }: Deps) =>
  createRouter<DataEnv>()
    .openapi(statusRoute, async (c) => {
      const status = await getTaskStatus(db, c.var.call.id, c.req.valid("param").id);
      return c.json(taskStatusReply.parse(status), 200);
    })
    .openapi(route("active", "listActiveTasks", "What is at work, by queue", activeTasksReply), async (c) =>
      c.json(activeTasksReply.parse(await listActiveTasks(db, c.var.call.id)), 200),
    )
    .openapi(
      route("queues", "listTaskQueues", "How much is at work and waiting, by queue", taskQueuesReply),
      async (c) => c.json(taskQueuesReply.parse(await listTaskQueues(db, c.var.call.id)), 200),
    )
    .openapi(
      route("workers", "listTaskWorkers", "The containers, and how their runs ended", taskWorkersReply),
      async (c) => c.json(taskWorkersReply.parse(await listTaskWorkers(db, c.var.call.id)), 200),
    );
