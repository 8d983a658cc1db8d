import { createJobHeaders, createJobReply, createJobRequest } from "../../../shared/contract/jobs.ts";
import { createJob, getJob } from "../../../shared/db/jobs.ts";
import { CorralError } from "../../../shared/errors.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { toJobSpec } from "../to-job-spec.ts";

const route = createRoute({
  method: "post",
  path: "/",
  request: { headers: createJobHeaders, body: jsonBody(createJobRequest) },
  responses: {
    201: jsonReply(createJobReply, "The job is made, and its data is being split"),
    200: jsonReply(createJobReply, "The job that was made with this idempotency key"),
    ...refusals,
  },
});

/** Makes a job of code and data that are somewhere already. */
export const createJobRoute = ({ db, files }: Deps) =>
  createRouter().openapi(route, async (c) => {
    const wishes = c.req.valid("json");
    const admit = (field: string, url: string | null | undefined) => (url ? files.admit(field, url) : null);
    const spec = toJobSpec(wishes, {
      projectId: wishes.project_id ?? null,
      dataUrl: admit("data_url", wishes.data_url),
      codeUrl: admit("code_url", wishes.code_url),
      requirementsUrl: admit("requirements_url", wishes.requirements_url),
      idempotencyKey: wishes.idempotency_key ?? c.req.valid("header")["idempotency-key"] ?? null,
      isDraft: false,
    });
    const created = await createJob(db, spec, c.var.caller);
    if (created.outcome === "created") {
      const message = "Job created. Splitting data in background.";
      return c.json({ job_id: created.jobId, message, status: "PROCESSING" } as const, 201);
    }
    if (created.outcome !== "existing") throw new CorralError(created.outcome);

    const found = await getJob(db, created.jobId, c.var.caller);
    if (found.outcome !== "found") throw new CorralError(found.outcome);
    const message = "This job was created before.";
    return c.json({ job_id: created.jobId, message, status: found.job.status }, 200);
  });
