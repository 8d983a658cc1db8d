import { openUploadReply, openUploadRequest } from "../../../shared/contract/jobs.ts";
import { findUploadFolder } from "../../../shared/db/jobs.ts";
import { CorralError } from "../../../shared/errors.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";

const route = createRoute({
  method: "post",
  path: "/upload_url",
  request: { body: jsonBody(openUploadRequest) },
  responses: { 200: jsonReply(openUploadReply, "Where to PUT the file, straight into the bucket"), ...refusals },
});

/** Lets a client put code or data of any size where only his own jobs may have it read. */
export const openUploadRoute = ({ db, files }: Deps) =>
  createRouter().openapi(route, async (c) => {
    const { filename, content_type } = c.req.valid("json");
    const found = await findUploadFolder(db, c.var.caller);
    if (found.outcome !== "allowed") throw new CorralError(found.outcome);
    const contentType = content_type ?? "application/octet-stream";
    const { url, headers, objectUrl, expiresAt } = await files.openUpload(found.folder, filename, contentType);
    return c.json(
      { url, method: "PUT", headers, object_url: objectUrl, expires_at: expiresAt.toISOString() } as const,
      200,
    );
  });
