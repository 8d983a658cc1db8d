import { uploadUrlReply, uploadUrlRequest } from "../../../shared/contract/agent.ts";
import { authorizeUpload } from "../../../shared/db/tasks.ts";
import { CorralError } from "../../../shared/errors.ts";
import type { AgentEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { toNamedTask } from "../to-named-tasks.ts";
import { timingNow } from "../to-timing.ts";

const route = createRoute({
  method: "post",
  path: "/upload_url",
  request: { body: jsonBody(uploadUrlRequest) },
  responses: { 200: jsonReply(uploadUrlReply, "Where to PUT the file, straight into the bucket"), ...refusals },
});

/** Lets an agent put a result of any size straight into the bucket. */
export const uploadUrlRoute = ({ db, files }: Deps) =>
  createRouter<AgentEnv>().openapi(route, async (c) => {
    const { agent_id, filename, content_type, ...named } = c.req.valid("json");
    const task = toNamedTask(named);
    const permit = await authorizeUpload(db, { agent: agent_id, token: c.var.tokenHash }, task);
    if (permit.outcome !== "allowed") throw new CorralError(permit.outcome);
    const file = { filename, contentType: content_type ?? undefined };
    const { url, headers, resultUrl, expiresAt } = await files.openUpload({ ...task, attempt: permit.attempt }, file);
    return c.json(
      {
        url,
        method: "PUT",
        headers,
        result_url: resultUrl,
        expires_at: expiresAt.toISOString(),
        ...timingNow(),
      } as const,
      200,
    );
  });
