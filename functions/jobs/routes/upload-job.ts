import { createJobReply, uploadJobRequest } from "../../../shared/contract/jobs.ts";
import { createJob, submitJob } from "../../../shared/db/jobs.ts";
import { CorralError } from "../../../shared/errors.ts";
import { createRoute, createRouter, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import { holdMemory } from "../../../shared/http/hold-memory.ts";
import type { Upload } from "../../../shared/http/prepare-app.ts";
import type { Deps } from "../app.ts";
import { toJobSpec } from "../to-job-spec.ts";

/** The path with its limit, for `prepareApp`. */
export const JOB_UPLOAD: Upload = {
  path: "/jobs/upload",
  maxBytes: 32 * 1024 * 1024,
  tooLarge:
    "An upload of more than 32 MiB does not pass here. Put the data where it can be fetched, and give POST /jobs its data_url.",
};

const route = createRoute({
  method: "post",
  path: "/upload",
  middleware: holdMemory(JOB_UPLOAD.maxBytes),
  request: { body: { content: { "multipart/form-data": { schema: uploadJobRequest } }, required: true } },
  responses: { 200: jsonReply(createJobReply, "The files are stored, and the data is being split"), ...refusals },
});

const DRAFT = {
  projectId: null,
  dataUrl: null,
  codeUrl: null,
  requirementsUrl: null,
  idempotencyKey: null,
  isDraft: true,
};

/** Makes a job of small files that come along; one whose files do not arrive stays a draft, which the sweep ends. */
export const uploadJobRoute = ({ db, files }: Deps) =>
  createRouter().openapi(route, async (c) => {
    const { file_code, file_req, file_data, ...wishes } = c.req.valid("form");
    const created = await createJob(db, toJobSpec(wishes, DRAFT), c.var.caller);
    if (created.outcome === "existing") throw new Error(`A draft without a key became job ${created.jobId} of before`);
    if (created.outcome !== "created") throw new CorralError(created.outcome);
    const { jobId } = created;
    const stored = await files.store(jobId, { code: file_code, requirements: file_req, data: file_data });
    const outcome = await submitJob(db, jobId, stored, c.var.caller);
    if (outcome !== "submitted") throw new CorralError(outcome);
    const message = "Upload successful! Splitting data in background.";
    return c.json({ job_id: jobId, message, status: "PROCESSING" } as const, 200);
  });
