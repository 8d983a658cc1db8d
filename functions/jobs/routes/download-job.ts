import { downloadJobQuery, downloadJobReply, jobParams } from "../../../shared/contract/jobs.ts";
import { downloadJob } from "../../../shared/db/jobs.ts";
import { CorralError } from "../../../shared/errors.ts";
import { createRoute, createRouter, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { readUserId } from "../read-owner.ts";

const route = createRoute({
  method: "get",
  path: "/download/{id}",
  request: { params: jobParams, query: downloadJobQuery },
  responses: { 200: jsonReply(downloadJobReply, "Where the result is, once there is one"), ...refusals },
});

/** Tells a job's owner where its result is. Unlike elsewhere, others learn here that the job exists. */
export const downloadJobRoute = ({ db, files }: Deps) =>
  createRouter().openapi(route, async (c) => {
    const { id } = c.req.valid("param");
    const { user_id } = c.req.valid("query");
    const found = await downloadJob(db, id, c.var.caller);
    if (found.outcome !== "found") throw new CorralError(found.outcome);
    const { title, status, owner_id, final_result_url } = found.job;
    if (user_id !== undefined && readUserId(user_id) !== owner_id) throw new CorralError("job_not_yours");
    return c.json({ job_id: id, title, status, ...(await files.toResult(final_result_url)) }, 200);
  });
