import {
  artifactContentQuery,
  artifactContentReply,
  artifactParams,
  artifactReply,
  deleteArtifactReply,
  extendArtifactRequest,
  listArtifactsQuery,
  listArtifactsReply,
  updateArtifactRequest,
} from "../../../shared/contract/artifacts.ts";
import {
  deleteArtifact,
  extendArtifact,
  getArtifact,
  listArtifacts,
  updateArtifact,
} from "../../../shared/db/artifacts.ts";
import { CorralError } from "../../../shared/errors.ts";
import type { DataEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { toArtifactReply } from "../to-artifact-reply.ts";

/** Of a content in a reply, of which many are in memory until their readers have them. */
const MAX_INLINE_BYTES = 2 * 1024 * 1024;

const request = { params: artifactParams };

const list = createRoute({
  method: "get",
  path: "/artifacts",
  operationId: "listArtifacts",
  summary: "List your swarm's artifacts",
  request: { query: listArtifactsQuery },
  responses: { 200: jsonReply(listArtifactsReply, "Your swarm's artifacts, newest first"), ...refusals },
});

const get = createRoute({
  method: "get",
  path: "/artifacts/{id}",
  operationId: "getArtifact",
  summary: "Tell what is said about an artifact",
  request,
  responses: { 200: jsonReply(artifactReply, "What is said about the artifact"), ...refusals },
});

const content = createRoute({
  method: "get",
  path: "/artifacts/{id}/content",
  operationId: "getArtifactContent",
  summary: "Read an artifact",
  request: { ...request, query: artifactContentQuery },
  responses: {
    200: jsonReply(artifactContentReply, "The content in base64, where `inline=true` asked for it"),
    302: { description: "The content is to be read there" },
    ...refusals,
  },
});

const update = createRoute({
  method: "patch",
  path: "/artifacts/{id}",
  operationId: "updateArtifact",
  summary: "Change what is said about an artifact",
  request: { ...request, body: jsonBody(updateArtifactRequest) },
  responses: { 200: jsonReply(artifactReply, "The artifact as it is now"), ...refusals },
});

const remove = createRoute({
  method: "delete",
  path: "/artifacts/{id}",
  operationId: "deleteArtifact",
  summary: "Delete an artifact",
  request,
  responses: { 200: jsonReply(deleteArtifactReply, "The artifact is gone"), ...refusals },
});

const extend = createRoute({
  method: "post",
  path: "/artifacts/{id}/extend",
  operationId: "extendArtifact",
  summary: "Keep an artifact longer",
  request: { ...request, body: { content: { "application/json": { schema: extendArtifactRequest } } } },
  responses: { 200: jsonReply(artifactReply, "The artifact stays so many days from now at least"), ...refusals },
});

/** Lets a swarm find, read and manage the files that its agents share. */
export const shareArtifactRoutes = ({ db, artifacts, waitUntil }: Deps) =>
  createRouter<DataEnv>()
    .openapi(list, async (c) => {
      const found = await listArtifacts(db, c.var.call.id, c.req.valid("query"));
      c.set("rows", found.length);
      return c.json(found.map(toArtifactReply), 200);
    })
    .openapi(get, async (c) => {
      const artifact = await getArtifact(db, c.var.call.id, c.req.valid("param").id);
      return c.json(toArtifactReply(artifact), 200);
    })
    .openapi(content, async (c) => {
      const artifact = await getArtifact(db, c.var.call.id, c.req.valid("param").id);
      if (artifact.state !== "ready") throw new CorralError("artifact_not_uploaded");
      if (c.req.valid("query").inline === "false") {
        return c.redirect(await artifacts.signRead(artifact.object, artifact), 302);
      }
      const size = artifact.size_bytes ?? 0;
      if (size > MAX_INLINE_BYTES) {
        throw new CorralError("artifact_too_large", "More than 2 MiB are read by the redirect, without inline=true");
      }
      const content = await artifacts.readBase64(artifact.object, size);
      return c.json({ ...toArtifactReply(artifact), content }, 200);
    })
    .openapi(update, async (c) => {
      const changes = c.req.valid("json");
      const artifact = await updateArtifact(db, c.var.call.id, c.req.valid("param").id, changes);
      return c.json(toArtifactReply(artifact), 200);
    })
    .openapi(remove, async (c) => {
      const { artifact_id, object } = await deleteArtifact(db, c.var.call.id, c.req.valid("param").id);
      waitUntil(artifacts.remove(object));
      return c.json({ artifact_id, message: "Artifact deleted" }, 200);
    })
    .openapi(extend, async (c) => {
      const { expiry_days } = c.req.valid("json");
      const artifact = await extendArtifact(db, c.var.call.id, c.req.valid("param").id, expiry_days);
      return c.json(toArtifactReply(artifact), 200);
    });
