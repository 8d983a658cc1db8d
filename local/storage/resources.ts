import type { BucketRecord, ObjectRecord } from "./records.ts";

/** What every bucket has that was not told otherwise; Cloud Storage's own defaults. */
const BUCKET_DEFAULTS = {
  location: "US",
  locationType: "multi-region",
  storageClass: "STANDARD",
  iamConfiguration: { uniformBucketLevelAccess: { enabled: true }, publicAccessPrevention: "enforced" },
};

/** The JSON API's bucket resource. */
export function toBucketResource(
  { name, metageneration, timeCreated, updated, settings }: BucketRecord,
  origin: string,
) {
  return {
    kind: "storage#bucket",
    id: name,
    name,
    selfLink: `${origin}/storage/v1/b/${name}`,
    projectNumber: "0",
    ...BUCKET_DEFAULTS,
    ...settings,
    metageneration: String(metageneration),
    etag: Buffer.from(String(metageneration)).toString("base64"),
    timeCreated,
    updated,
  };
}

/** The JSON API's object resource; 64-bit numbers are strings there. */
export function toObjectResource(object: ObjectRecord, origin: string) {
  const { segments: _segments, upload: _upload, componentCount, ...record } = object;
  const path = `b/${object.bucket}/o/${encodeURIComponent(object.name)}`;
  return {
    kind: "storage#object",
    id: `${object.bucket}/${object.name}/${object.generation}`,
    selfLink: `${origin}/storage/v1/${path}`,
    mediaLink: `${origin}/download/storage/v1/${path}?generation=${object.generation}&alt=media`,
    ...record,
    generation: String(object.generation),
    metageneration: String(object.metageneration),
    size: String(object.size),
    storageClass: "STANDARD",
    timeStorageClassUpdated: object.timeCreated,
    timeFinalized: object.timeCreated,
    etag: etagOf(object),
    ...(componentCount === undefined ? {} : { componentCount }),
  };
}

/** Changes with the bytes and with the metadata. */
export function etagOf({ generation, metageneration }: ObjectRecord): string {
  return Buffer.from(`${generation}/${metageneration}`).toString("base64");
}
