import { z } from "zod";
import type { Call } from "./call.ts";
import { checkPreconditions } from "./check-preconditions.ts";
import { mergePatch, withoutNulls } from "./merge-patch.ts";
import { type ObjectSettings, objectSettings } from "./records.ts";
import { toObjectResource } from "./resources.ts";
import type { Router } from "./router.ts";
import { sendMedia } from "./send-media.ts";
import { invalid, notImplemented } from "./storage-error.ts";
import type { Store } from "./store.ts";

const MAX_PAGE = 1000;
/** A null removes a setting, or one entry of the custom metadata. */
const patchShape = z.record(z.string(), z.unknown());

/** Objects: list, read, change and delete. */
export function addObjectRoutes(router: Router, store: Store): void {
  router.on("GET /b/:bucket/o", (call) => listObjects(call, store));

  router.on("GET /b/:bucket/o/:object", async (call) => {
    const object = store.object(call.param("bucket"), call.param("object"), call.queryText("generation"));
    checkPreconditions(object, call.preconditions(), "read");
    if (call.query.get("alt") === "media") await sendMedia(call, store, object);
    else call.sendJson(toObjectResource(object, call.origin));
  });

  router.on("PATCH /b/:bucket/o/:object", async (call) => {
    const patch = await call.readJson(patchShape);
    await updateObject(call, store, (settings) => parseSettings(mergePatch(settings, patch)));
  });

  router.on("PUT /b/:bucket/o/:object", async (call) => {
    const settings = await call.readJson(z.preprocess(withoutNulls, objectSettings));
    await updateObject(call, store, () => settings);
  });

  router.on("DELETE /b/:bucket/o/:object", async (call) => {
    const generation = call.queryText("generation");
    await store.deleteObject(call.param("bucket"), call.param("object"), generation, call.preconditions());
    call.sendEmpty(204);
  });
}

function listObjects(call: Call, store: Store): void {
  for (const unknown of ["matchGlob", "softDeleted", "filter"]) {
    if (call.query.has(unknown)) throw notImplemented(`the list parameter ${unknown}`);
  }
  const { objects, index } = store.bucket(call.param("bucket"));
  const text = (name: string) => call.query.get(name) ?? "";
  const { names, prefixes, next } = index.list({
    prefix: text("prefix"),
    delimiter: text("delimiter"),
    includeTrailingDelimiter: text("includeTrailingDelimiter") === "true",
    startOffset: text("startOffset"),
    endOffset: text("endOffset"),
    maxResults: readPageSize(call.queryText("maxResults")),
    after: Buffer.from(text("pageToken"), "base64url").toString("utf8"),
  });
  const items = names.flatMap((name) => {
    const object = objects.get(name);
    return object === undefined ? [] : [toObjectResource(object, call.origin)];
  });
  call.sendJson({
    kind: "storage#objects",
    ...(items.length > 0 ? { items } : {}),
    ...(prefixes.length > 0 ? { prefixes } : {}),
    ...(next === undefined ? {} : { nextPageToken: Buffer.from(next).toString("base64url") }),
  });
}

function readPageSize(text: string | undefined): number {
  if (text === undefined) return MAX_PAGE;
  if (!/^\d{1,9}$/.test(text)) throw invalid(`Invalid value for maxResults: "${text}". It takes a whole number.`);
  return Math.min(Number(text) || MAX_PAGE, MAX_PAGE);
}

async function updateObject(call: Call, store: Store, update: (settings: ObjectSettings) => ObjectSettings) {
  const generation = call.queryText("generation");
  const conditions = call.preconditions();
  const object = await store.updateObject(call.param("bucket"), call.param("object"), generation, conditions, update);
  call.sendJson(toObjectResource(object, call.origin));
}

function parseSettings(value: unknown): ObjectSettings {
  const parsed = objectSettings.safeParse(value);
  if (!parsed.success) throw invalid(`Invalid value for ${parsed.error.issues[0]?.path.join(".")}`);
  return parsed.data;
}
