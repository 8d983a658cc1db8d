import { z } from "zod";

/** Headers and notes that a client gives an object, as the JSON API names them. */
export const objectSettings = z.object({
  contentType: z.string().optional(),
  contentEncoding: z.string().optional(),
  contentDisposition: z.string().optional(),
  contentLanguage: z.string().optional(),
  cacheControl: z.string().optional(),
  customTime: z.string().optional(),
  metadata: z.record(z.string(), z.string()).optional(),
});
export type ObjectSettings = z.infer<typeof objectSettings>;

/** A file of bytes that never change; objects are lists of them, so composing and copying move no data. */
export const segment = z.object({ id: z.string(), size: z.int() });
export type Segment = z.infer<typeof segment>;

export const objectRecord = objectSettings.extend({
  bucket: z.string(),
  name: z.string(),
  generation: z.int(),
  metageneration: z.int(),
  size: z.int(),
  crc32c: z.string(),
  /** Absent on composite objects, as on Cloud Storage. */
  md5Hash: z.string().optional(),
  componentCount: z.int().optional(),
  timeCreated: z.string(),
  updated: z.string(),
  segments: z.array(segment),
  /** The resumable upload that it came from: its client may still ask how that ended. */
  upload: z.string().optional(),
});
export type ObjectRecord = z.infer<typeof objectRecord>;

export const bucketRecord = z.object({
  name: z.string(),
  metageneration: z.int(),
  timeCreated: z.string(),
  updated: z.string(),
  /** What the client set: location, lifecycle, cors, labels … as the JSON API shapes them. */
  settings: z.record(z.string(), z.unknown()),
});
export type BucketRecord = z.infer<typeof bucketRecord>;

/** A condition on a generation or metageneration, from a query parameter or header. */
export const preconditions = z.object({
  ifGenerationMatch: z.string().optional(),
  ifGenerationNotMatch: z.string().optional(),
  ifMetagenerationMatch: z.string().optional(),
  ifMetagenerationNotMatch: z.string().optional(),
});
export type Preconditions = z.infer<typeof preconditions>;

/** Checksums that the client promised for the bytes it sends. */
export const expectedHashes = z.object({ crc32c: z.string().optional(), md5Hash: z.string().optional() });
export type ExpectedHashes = z.infer<typeof expectedHashes>;

/** A resumable upload under way; its bytes are one growing segment. */
export const uploadRecord = z.object({
  id: z.string(),
  bucket: z.string(),
  name: z.string(),
  settings: objectSettings,
  preconditions,
  expected: expectedHashes,
  /** Total length, where the client announced it. */
  length: z.int().optional(),
  timeCreated: z.string(),
});
export type UploadRecord = z.infer<typeof uploadRecord>;

/** One line of the journal: one change, whole or not at all. */
export const change = z.discriminatedUnion("op", [
  z.object({ op: z.literal("put_bucket"), bucket: bucketRecord }),
  z.object({ op: z.literal("delete_bucket"), name: z.string() }),
  z.object({ op: z.literal("put_object"), object: objectRecord }),
  z.object({ op: z.literal("delete_object"), bucket: z.string(), name: z.string() }),
  z.object({ op: z.literal("move_object"), from: z.string(), object: objectRecord }),
  z.object({ op: z.literal("open_upload"), upload: uploadRecord }),
  z.object({ op: z.literal("close_upload"), id: z.string() }),
]);
export type Change = z.infer<typeof change>;
