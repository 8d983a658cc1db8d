import { uploadResultReply, uploadResultRequest } from "../../../shared/contract/agent.ts";
import { authorizeUpload } from "../../../shared/db/tasks.ts";
import { CorralError } from "../../../shared/errors.ts";
import type { AgentEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import { holdMemory } from "../../../shared/http/hold-memory.ts";
import type { Upload } from "../../../shared/http/prepare-app.ts";
import type { Deps } from "../app.ts";
import { toNamedTask } from "../to-named-tasks.ts";
import { timingNow } from "../to-timing.ts";

const MAX_FILE_BYTES = 32 * 1024 * 1024;
/** What the form around the file may take. */
const FORM_BYTES = 64 * 1024;

/** The path with its limit, for `prepareApp`. */
export const RESULT_UPLOAD: Upload = {
  path: "/agent/upload_result",
  maxBytes: MAX_FILE_BYTES + FORM_BYTES,
  tooLarge: "A file of more than 32 MiB does not pass here. Ask POST /agent/upload_url where to put it.",
};

const route = createRoute({
  method: "post",
  path: "/upload_result",
  middleware: holdMemory(RESULT_UPLOAD.maxBytes),
  request: { body: { content: { "multipart/form-data": { schema: uploadResultRequest } }, required: true } },
  responses: { 200: jsonReply(uploadResultReply, "Where the file is"), ...refusals },
});

/** Puts a small result into the bucket for an agent that knows no signed URLs. */
export const uploadResultRoute = ({ db, files }: Deps) =>
  createRouter<AgentEnv>().openapi(route, async (c) => {
    const { agent_id, file, ...named } = c.req.valid("form");
    if (file.size > MAX_FILE_BYTES) throw new CorralError("body_too_large", RESULT_UPLOAD.tooLarge);
    const task = toNamedTask(named);
    const permit = await authorizeUpload(db, { agent: agent_id, token: c.var.tokenHash }, task);
    if (permit.outcome !== "allowed") throw new CorralError(permit.outcome);
    const upload = await files.openUpload(
      { ...task, attempt: permit.attempt },
      { filename: file.name, contentType: file.type || undefined },
    );
    const stored = await fetch(upload.url, { method: "PUT", headers: upload.headers, body: file });
    if (!stored.ok) {
      const reason = await stored.text();
      throw new CorralError("storage_unavailable", "The bucket did not take the file. Try again.", { cause: reason });
    }
    await stored.body?.cancel();
    return c.json({ url: await files.toReadableUrl(upload.resultUrl), ...timingNow() }, 200);
  });
