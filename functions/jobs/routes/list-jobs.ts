import { listJobsParams, listJobsReply } from "../../../shared/contract/jobs.ts";
import { listJobs } from "../../../shared/db/jobs.ts";
import { createRoute, createRouter, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { readUserId } from "../read-owner.ts";

const route = createRoute({
  method: "get",
  path: "/list/{user_id}",
  request: { params: listJobsParams },
  responses: { 200: jsonReply(listJobsReply, "The newest 500 jobs, newest first"), ...refusals },
});

/** Lists an owner's jobs; what is nobody's id, or not the caller's, has none. */
export const listJobsRoute = ({ db, files }: Deps) =>
  createRouter().openapi(route, async (c) => {
    const owner = readUserId(c.req.valid("param").user_id);
    const jobs = owner === undefined ? [] : await listJobs(db, owner, c.var.caller);
    const replies = jobs.map(async ({ id, title, status, created_at, ...urls }) => {
      const [original_code_url, original_data_url, result] = await Promise.all([
        files.toReadable(urls.original_code_url),
        files.toReadable(urls.original_data_url),
        files.toResult(urls.final_result_url),
      ]);
      return { id, title, status, created_at, original_code_url, original_data_url, ...result };
    });
    return c.json(await Promise.all(replies), 200);
  });
