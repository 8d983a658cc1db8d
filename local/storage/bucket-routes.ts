import { z } from "zod";
import { mergePatch } from "./merge-patch.ts";
import type { BucketRecord } from "./records.ts";
import { toBucketResource } from "./resources.ts";
import type { Router } from "./router.ts";
import { invalid, notImplemented } from "./storage-error.ts";
import type { Store } from "./store.ts";

const DEFAULT_PAGE = 1000;
const settingsShape = z.record(z.string(), z.unknown());
const newBucket = settingsShape.and(z.object({ name: z.string() }));
/** What the server says of a bucket; clients send it back in updates, and it is not theirs to set. */
const OUTPUT_ONLY = [
  "kind",
  "id",
  "name",
  "selfLink",
  "projectNumber",
  "metageneration",
  "etag",
  "timeCreated",
  "updated",
];

const lifecycleShape = z.object({
  rule: z
    .array(z.object({ action: z.object({ type: z.string() }), condition: z.record(z.string(), z.unknown()) }))
    .optional(),
});
const switchShape = z.object({ enabled: z.boolean().optional() }).optional();
const judged = z.object({ lifecycle: lifecycleShape.optional(), versioning: switchShape });

/** Buckets: create, list, read, change and delete. */
export function addBucketRoutes(router: Router, store: Store): void {
  router.on("POST /b", async (call) => {
    if (!call.query.get("project")) throw invalid("Required parameter: project");
    const { name, ...settings } = await call.readJson(newBucket);
    checkBucketName(name);
    call.sendJson(toBucketResource(await store.createBucket(name, checkSettings(settings)), call.origin));
  });

  router.on("GET /b", (call) => {
    if (!call.query.get("project")) throw invalid("Required parameter: project");
    const prefix = call.query.get("prefix") ?? "";
    const after = call.query.get("pageToken") ?? "";
    const limit = Number(call.query.get("maxResults") ?? DEFAULT_PAGE);
    const all = store
      .buckets()
      .filter(({ name }) => name.startsWith(prefix) && name > after)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const page = all.slice(0, limit);
    const next = all.length > page.length ? { nextPageToken: page.at(-1)?.name } : {};
    call.sendJson({ kind: "storage#buckets", items: page.map((one) => toBucketResource(one, call.origin)), ...next });
  });

  router.on("GET /b/:bucket", (call) => {
    call.sendJson(toBucketResource(store.bucket(call.param("bucket")).record, call.origin));
  });

  router.on("PATCH /b/:bucket", async (call) => {
    const patch = await call.readJson(settingsShape);
    const update = (settings: BucketRecord["settings"]) =>
      checkSettings(settingsShape.parse(mergePatch(settings, patch)));
    const bucket = await store.updateBucket(call.param("bucket"), call.preconditions(), update);
    call.sendJson(toBucketResource(bucket, call.origin));
  });

  router.on("PUT /b/:bucket", async (call) => {
    const settings = checkSettings(await call.readJson(settingsShape));
    const bucket = await store.updateBucket(call.param("bucket"), call.preconditions(), () => settings);
    call.sendJson(toBucketResource(bucket, call.origin));
  });

  router.on("DELETE /b/:bucket", async (call) => {
    await store.deleteBucket(call.param("bucket"), call.preconditions());
    call.sendEmpty(204);
  });
}

/** Drops what is not the client's to set, and refuses what would be stored but not honoured. */
function checkSettings(settings: BucketRecord["settings"]): BucketRecord["settings"] {
  const { success, data, error } = judged.safeParse(settings);
  if (!success) throw invalid(`Invalid value for ${error.issues[0]?.path.join(".")}: ${error.issues[0]?.message}`);
  if (data.versioning?.enabled) throw notImplemented("object versioning");
  return Object.fromEntries(Object.entries(settings).filter(([key]) => !OUTPUT_ONLY.includes(key)));
}

/** https://cloud.google.com/storage/docs/buckets#naming */
function checkBucketName(name: string): void {
  const longest = name.includes(".") ? 222 : 63;
  const fits = /^[a-z0-9][a-z0-9._-]+[a-z0-9]$/.test(name) && name.length <= longest && !name.startsWith("goog");
  if (!fits || name.split(".").some((label) => label === "" || label.length > 63)) {
    throw invalid(`Invalid bucket name: '${name}'`);
  }
}
