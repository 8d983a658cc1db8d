import { z } from "zod";
import { decodeBase64 } from "../base64.ts";
import { anyCase } from "./any-case.ts";
import { digits } from "./digits.ts";
import { mediaType } from "./media-type.ts";
import { orDefault } from "./or-default.ts";
import { storableObject, storableText } from "./storable.ts";

const type = anyCase(["data", "model", "report", "other"]);
const format = anyCase(["json", "csv", "parquet", "pickle", "text", "binary"]);
/** Lists are searched by tags with commas between them. */
const tag = storableText(64).refine((text) => !text.includes(",") && text === text.trim(), {
  error: "A tag should have no comma, nor space around it",
});
const tags = z
  .array(tag)
  .max(32)
  .transform((given) => [...new Set(given)]);
const metadata = storableObject(16_384);
const expiryDays = z.int().min(1).max(365);

const artifactFields = {
  name: storableText(255),
  type: orDefault(type, "other"),
  format: orDefault(format, "binary"),
  metadata: metadata.nullish(),
  tags: tags.nullish(),
  expiry_days: expiryDays.nullish().describe("How long it stays after it was last used; 10 unless given"),
};

const content = z
  .string()
  .transform((text, context) => {
    const bytes = decodeBase64(text);
    if (bytes !== undefined) return bytes;
    context.addIssue({ code: "custom", message: "Input should be base64" });
    return z.NEVER;
  })
  .meta({ type: "string", format: "byte" });

export const createArtifactRequest = z.strictObject({ ...artifactFields, content });

export const openArtifactRequest = z.strictObject({
  ...artifactFields,
  size_bytes: z.int().min(0).nullish().describe("If it is given, exactly so many bytes are taken"),
  content_type: mediaType.nullish(),
});

export const artifactReply = z.object({
  artifact_id: z.guid(),
  name: z.string(),
  type: z.enum(["data", "model", "report", "other"]),
  format: z.enum(["json", "csv", "parquet", "pickle", "text", "binary"]),
  size_bytes: z.int().nullable().describe("Null before the content is there"),
  created_at: z.string(),
  expires_at: z.string(),
  metadata: z.record(z.string(), z.unknown()),
  tags: z.array(z.string()),
  state: z.enum(["pending", "ready"]),
  agent: z.string().nullable().describe("Whose it is; everybody in the swarm may use it"),
  crc32c: z.string().nullable().describe("Of the content: base64 of four bytes, big-endian"),
});
export type ArtifactReply = z.infer<typeof artifactReply>;

export const openArtifactReply = artifactReply.extend({
  upload_url: z.url(),
  method: z.literal("PUT"),
  headers: z.record(z.string(), z.string()).describe("To be sent with the upload"),
  upload_expires_at: z.string(),
});

export const artifactParams = z.object({ id: z.guid() });

export const listArtifactsQuery = z.object({
  type: type.optional(),
  format: format.optional(),
  tags: z
    .string()
    .transform((list) => list.split(",").flatMap((tag) => tag.trim() || []))
    .pipe(tags)
    .optional()
    .meta({ type: "string", description: "With commas between them; an artifact has to have them all" }),
  limit: digits(1, 1000).optional(),
  before: z.guid().optional().describe("The artifact after which the list goes on"),
});

export const listArtifactsReply = z.array(artifactReply);

export const artifactContentQuery = z.object({
  inline: z
    .enum(["true", "false"])
    .default("false")
    .describe("true: base64 in JSON, up to 2 MiB, instead of a redirect"),
});

export const artifactContentReply = artifactReply.extend({ content: z.string().meta({ format: "byte" }) });

export const updateArtifactRequest = z
  .strictObject({ name: storableText(255), type, metadata, tags })
  .partial()
  .refine((changes) => Object.values(changes).some((change) => change !== undefined), {
    error: "Give what is to change",
  });

export const extendArtifactRequest = z.strictObject({ expiry_days: orDefault(expiryDays, 10) });

export const deleteArtifactReply = z.object({ artifact_id: z.guid(), message: z.string() });
