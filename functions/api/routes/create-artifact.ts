import type { z } from "zod";
import {
  artifactParams,
  artifactReply,
  createArtifactRequest,
  openArtifactReply,
  openArtifactRequest,
} from "../../../shared/contract/artifacts.ts";
import { completeArtifact, createArtifact, getArtifact } from "../../../shared/db/artifacts.ts";
import { CorralError } from "../../../shared/errors.ts";
import type { DataEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import { holdMemory } from "../../../shared/http/hold-memory.ts";
import type { Upload } from "../../../shared/http/prepare-app.ts";
import { BASE } from "../api-paths.ts";
import type { Deps } from "../app.ts";
import { MAX_ARTIFACT_BYTES } from "../artifact-store.ts";
import { toArtifactReply } from "../to-artifact-reply.ts";

const MAX_INLINE_BYTES = 10 * 1024 * 1024;
const TOO_LARGE = `An artifact of more than 10 MiB does not pass here. Ask POST ${BASE}/artifacts/upload_url for a URL to PUT up to 50 MiB to.`;
/** Base64 takes four characters for three bytes; the rest is for what is said about the content. */
const MAX_BODY_BYTES = Math.ceil((MAX_INLINE_BYTES * 4) / 3) + 512 * 1024;

/** The path with its limit, for `prepareApp`. */
export const ARTIFACT_UPLOAD: Upload = { path: `${BASE}/artifacts`, maxBytes: MAX_BODY_BYTES, tooLarge: TOO_LARGE };

const create = createRoute({
  method: "post",
  path: "/artifacts",
  operationId: "createArtifact",
  summary: "Share a small file with your swarm",
  middleware: holdMemory(2 * MAX_BODY_BYTES),
  request: { body: jsonBody(createArtifactRequest) },
  responses: { 201: jsonReply(artifactReply, "The artifact is stored"), ...refusals },
});

const open = createRoute({
  method: "post",
  path: "/artifacts/upload_url",
  operationId: "openArtifact",
  summary: "Share a file of any size: learn where to PUT it",
  request: { body: jsonBody(openArtifactRequest) },
  responses: {
    201: jsonReply(openArtifactReply, "Where to PUT the content, once, before the artifact is completed"),
    ...refusals,
  },
});

const complete = createRoute({
  method: "post",
  path: "/artifacts/{id}/complete",
  operationId: "completeArtifact",
  summary: "Say that the content of an artifact is uploaded",
  request: { params: artifactParams },
  responses: { 200: jsonReply(artifactReply, "The content is there, and the artifact is ready"), ...refusals },
});

/** Lets agents share files with their swarm: small ones in JSON, others straight into the bucket. */
export const createArtifactRoutes = ({ db, artifacts }: Deps) =>
  createRouter<DataEnv>()
    .openapi(create, async (c) => {
      const { content, ...fields } = c.req.valid("json");
      if (content.length > MAX_INLINE_BYTES) throw new CorralError("artifact_too_large", TOO_LARGE);
      const created = await createArtifact(db, c.var.call.id, toSpec(fields, content.length));
      const stored = await artifacts.put(created.object, content, created.format);
      return c.json(toArtifactReply(await completeArtifact(db, c.var.call.id, created.artifact_id, stored)), 201);
    })
    .openapi(open, async (c) => {
      const { size_bytes: size = null, content_type, ...fields } = c.req.valid("json");
      if (size !== null && size > MAX_ARTIFACT_BYTES) {
        throw new CorralError("artifact_too_large", "An artifact has 50 MiB at most");
      }
      const created = await createArtifact(db, c.var.call.id, toSpec(fields, size));
      const contentType = content_type ?? artifacts.contentTypeOf(created.format);
      const upload = await artifacts.openUpload(created.object, { contentType, size });
      return c.json(
        {
          ...toArtifactReply(created),
          upload_url: upload.url,
          method: "PUT",
          headers: upload.headers,
          upload_expires_at: upload.expiresAt.toISOString(),
        } as const,
        201,
      );
    })
    .openapi(complete, async (c) => {
      const { id } = c.req.valid("param");
      const artifact = await getArtifact(db, c.var.call.id, id);
      if (artifact.state === "ready") return c.json(toArtifactReply(artifact), 200);
      const stored = await artifacts.find(artifact.object);
      if (stored === undefined) throw new CorralError("artifact_not_uploaded");
      return c.json(toArtifactReply(await completeArtifact(db, c.var.call.id, id, stored)), 200);
    });

type Fields = Omit<z.output<typeof createArtifactRequest>, "content">;

const toSpec = ({ metadata, tags, expiry_days, ...named }: Fields, sizeBytes: number | null) => ({
  ...named,
  sizeBytes,
  metadata: metadata ?? {},
  tags: tags ?? [],
  expiryDays: expiry_days ?? null,
});
