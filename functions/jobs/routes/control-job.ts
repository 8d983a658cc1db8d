import { controlJobReply, jobParams } from "../../../shared/contract/jobs.ts";
import { controlJob, type JobAction } from "../../../shared/db/jobs.ts";
import { CorralError } from "../../../shared/errors.ts";
import { createRoute, createRouter, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";

const ACTIONS: JobAction[] = ["cancel", "pause", "resume", "retry_failed"];

const route = (action: JobAction) =>
  createRoute({
    method: "post",
    path: `/{id}/${action}`,
    request: { params: jobParams },
    responses: { 200: jsonReply(controlJobReply, "How the job stands now"), ...refusals },
  });

/** Cancel, pause and resume a job, and hand out again what failed. */
export function controlJobRoutes({ db }: Deps) {
  const router = createRouter();
  for (const action of ACTIONS) {
    router.openapi(route(action), async (c) => {
      const { id } = c.req.valid("param");
      const controlled = await controlJob(db, id, action, c.var.caller);
      if (controlled.outcome === "job_not_found" || controlled.outcome === "unauthorized") {
        throw new CorralError(controlled.outcome);
      }
      const { outcome, status, tasks } = controlled;
      if (outcome === "job_over") throw new CorralError("job_over", `The job is over: it is ${status}`);
      const message = outcome === "done" ? done(action, tasks) : UNCHANGED[action];
      return c.json({ job_id: id, status, message, tasks }, 200);
    });
  }
  return router;
}

const UNCHANGED: Record<JobAction, string> = {
  cancel: "The job was cancelled before.",
  pause: "The job is paused already.",
  resume: "The job is not paused.",
  retry_failed: "No task of the job has failed.",
};

function done(action: JobAction, tasks: number): string {
  switch (action) {
    case "cancel":
      return "Job cancelled. Its agents learn it with their next call.";
    case "pause":
      return "Job paused. Tasks that are under way go on.";
    case "resume":
      return "Job resumed.";
    case "retry_failed":
      return tasks === 1 ? "1 task is handed out again." : `${tasks} tasks are handed out again.`;
  }
}
