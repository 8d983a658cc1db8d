import { z } from "zod";
import { jobParams, jobReply, jobRun, taskFailure } from "../../../shared/contract/jobs.ts";
import { getJob, type JobRow } from "../../../shared/db/jobs.ts";
import { CorralError } from "../../../shared/errors.ts";
import { createRoute, createRouter, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import type { JobFiles } from "../job-files.ts";

const route = createRoute({
  method: "get",
  path: "/{id}",
  request: { params: jobParams },
  responses: { 200: jsonReply(jobReply, "The job, how far it is, and what went wrong"), ...refusals },
});

/** Tells how a job is getting on. */
export const getJobRoute = ({ db, files }: Deps) =>
  createRouter().openapi(route, async (c) => {
    const found = await getJob(db, c.req.valid("param").id, c.var.caller);
    if (found.outcome !== "found") throw new CorralError(found.outcome);
    return c.json(await toJobReply(found.job, files), 200);
  });

const failures = z.array(taskFailure);
const details = z.record(z.string(), z.unknown()).nullable();

async function toJobReply(job: JobRow, files: JobFiles): Promise<z.infer<typeof jobReply>> {
  const [original_code_url, original_requirements_url, original_data_url, result] = await Promise.all([
    files.toReadable(job.original_code_url),
    files.toReadable(job.original_requirements_url),
    files.toReadable(job.original_data_url),
    files.toResult(job.final_result_url),
  ]);
  return {
    id: job.id,
    title: job.title,
    status: job.status,
    paused: job.is_paused,
    created_at: job.created_at,
    finished_at: job.finished_at,
    user_id: job.owner_id,
    project_id: job.project_id,
    original_code_url,
    original_requirements_url,
    original_data_url,
    ...result,
    aggregate: job.aggregate,
    result_details: details.parse(job.result_details),
    total_subtasks: job.total_subtasks,
    completed_subtasks: job.completed_subtasks,
    running_subtasks: job.running_subtasks,
    pending_subtasks: job.pending_subtasks,
    failed_subtasks: job.failed_subtasks,
    cancelled_subtasks: job.cancelled_subtasks,
    tasks_per_minute: job.tasks_per_minute,
    eta_seconds: job.eta_seconds,
    progress: jobRun.nullable().parse(job.run),
    failures: failures.parse(job.failures),
    error_code: job.error_code,
    error_message: job.error_message,
  };
}
