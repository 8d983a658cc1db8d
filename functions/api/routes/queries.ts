import type { RouteHandler } from "@hono/zod-openapi";
import { z } from "zod";
import { sampleReply } from "../../../shared/contract/data.ts";
import {
  cancelQueryReply,
  queryParams,
  queryReply,
  queryResultQuery,
  queryResultReply,
  submitQueryRequest,
  waitHeaders,
} from "../../../shared/contract/queries.ts";
import { cancelQuery, getQuery } from "../../../shared/db/queries.ts";
import type { DataEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { deliverResult } from "../deliver-result.ts";
import { isOver, runQuery } from "../run-query.ts";
import { toQueryReply } from "../to-query-reply.ts";

const submit = {
  method: "post",
  request: { body: jsonBody(submitQueryRequest), headers: waitHeaders },
  responses: {
    200: jsonReply(queryReply, "The query is over; `status` tells how it ended"),
    202: jsonReply(queryReply, "The query goes on; `Prefer: wait=N` says how many seconds to wait for it"),
    ...refusals,
  },
} as const;
const submitAt = (path: "/queries" | "/queries/execute") =>
  createRoute({
    ...submit,
    path,
    operationId: path === "/queries" ? "submitQuery" : "executeQuery",
    summary: "Submit a query over the tables that you may see",
  });

const get = {
  method: "get",
  request: { params: queryParams },
  responses: { 200: jsonReply(queryReply, "The query as it stands"), ...refusals },
} as const;
const getAt = (path: "/queries/{id}" | "/queries/jobs/{id}") =>
  createRoute({
    ...get,
    path,
    operationId: path === "/queries/{id}" ? "getQuery" : "getQueryJob",
    summary: "Tell how a query is getting on",
  });

const resultRoute = createRoute({
  method: "get",
  path: "/queries/{id}/result",
  operationId: "getQueryResult",
  summary: "Read the whole result of a query",
  request: { params: queryParams, query: queryResultQuery },
  responses: {
    200: {
      description: "The result, as JSON an array of objects; with `delivery=url` where it is",
      content: {
        "application/json": { schema: z.union([sampleReply, queryResultReply]) },
        "text/csv": { schema: { type: "string" } },
        "application/vnd.apache.parquet": { schema: { type: "string", format: "binary" } },
      },
    },
    302: { description: "A result of more than 1 MiB is to be read there" },
    ...refusals,
  },
});

const cancelRoute = createRoute({
  method: "post",
  path: "/queries/{id}/cancel",
  operationId: "cancelQuery",
  summary: "Cancel a query that is not over",
  request: { params: queryParams },
  responses: { 200: jsonReply(cancelQueryReply, "The query is cancelled"), ...refusals },
});

/** Runs SQL over snapshots: queries are submitted, looked at, read and cancelled. */
export function queryRoutes({ db, results, watch }: Deps) {
  const submit: RouteHandler<ReturnType<typeof submitAt>, DataEnv> = async (c) => {
    const { query, parameters, output_format, limits } = c.req.valid("json");
    const spec = { sql: query, parameters: parameters ?? null, outputFormat: output_format, limits: limits ?? null };
    const row = await runQuery(c, { db, watch }, spec, { defaultSeconds: 0 });
    if (row.row_count !== null) c.set("rows", row.row_count);
    return c.json(await toQueryReply(row, results), isOver(row) ? 200 : 202);
  };
  const get: RouteHandler<ReturnType<typeof getAt>, DataEnv> = async (c) => {
    const row = await getQuery(db, c.var.call.id, c.req.valid("param").id);
    return c.json(await toQueryReply(row, results), 200);
  };
  return createRouter<DataEnv>()
    .openapi(submitAt("/queries/execute"), submit)
    .openapi(submitAt("/queries"), submit)
    .openapi(getAt("/queries/jobs/{id}"), get)
    .openapi(getAt("/queries/{id}"), get)
    .openapi(resultRoute, async (c) => {
      const row = await getQuery(db, c.var.call.id, c.req.valid("param").id);
      const result = await results.getResult(row);
      if (c.req.valid("query").delivery === "direct") return deliverResult(c, result);
      const { queryId, url, expiresAt, outputFormat, bytes, rowCount } = result;
      return c.json(
        {
          query_id: queryId,
          result_url: url,
          expires_at: expiresAt.toISOString(),
          output_format: outputFormat,
          result_bytes: bytes,
          row_count: rowCount,
        },
        200,
      );
    })
    .openapi(cancelRoute, async (c) => {
      const { id } = c.req.valid("param");
      const status = await cancelQuery(db, c.var.call.id, id);
      return c.json({ query_id: id, job_id: id, task_id: id, status }, 200);
    });
}
