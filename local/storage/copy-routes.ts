import { z } from "zod";
import { combineCrc32c } from "../../shared/cloud/crc32c.ts";
import type { Call } from "./call.ts";
import { checkPreconditions } from "./check-preconditions.ts";
import { withoutNulls } from "./merge-patch.ts";
import { checkObjectName } from "./object-name.ts";
import { type ObjectRecord, objectSettings } from "./records.ts";
import { toObjectResource } from "./resources.ts";
import type { Router } from "./router.ts";
import { invalid } from "./storage-error.ts";
import type { NewObject, Store } from "./store.ts";

const MAX_SOURCES = 32;
const EMPTY_CRC32C = "AAAAAA==";

const givenSettings = z.preprocess(withoutNulls, objectSettings);

/** 64-bit numbers are strings in the JSON API, and numbers from some of its clients; null stands for none. */
const int64 = z
  .union([z.string(), z.number()])
  .nullish()
  .transform((value) => (value == null ? undefined : String(value)));

const composeShape = z.object({
  destination: givenSettings.optional(),
  sourceObjects: z
    .array(
      z.object({
        name: z.string(),
        generation: int64,
        objectPreconditions: z.object({ ifGenerationMatch: int64 }).nullish(),
      }),
    )
    .default([]),
});

/** Objects out of objects: compose, rewrite, copy and move. All of them share segments and move no data. */
export function addCopyRoutes(router: Router, store: Store): void {
  router.on("POST /b/:bucket/o/:object/compose", async (call) => {
    const { destination, sourceObjects } = await call.readJson(composeShape);
    const [bucket, name] = [call.param("bucket"), call.param("object")];
    checkObjectName(name);
    if (sourceObjects.length === 0) throw invalid("You must provide at least one source component.");
    if (sourceObjects.length > MAX_SOURCES) {
      const message = `The number of source components provided (${sourceObjects.length}) exceeds the maximum (${MAX_SOURCES})`;
      throw invalid(message);
    }
    const sources = sourceObjects.map((source) => {
      const object = store.object(bucket, source.name, source.generation);
      checkPreconditions(object, source.objectPreconditions ?? {}, "write");
      return object;
    });
    const target = { bucket, name, settings: destination ?? {}, preconditions: call.preconditions() };
    call.sendJson(toObjectResource(await store.putObject({ ...target, ...join(sources) }), call.origin));
  });

  router.on("POST /b/:bucket/o/:object/rewriteTo/b/:toBucket/o/:toObject", async (call) => {
    const object = await copy(call, store);
    const size = String(object.size);
    call.sendJson({
      kind: "storage#rewriteResponse",
      totalBytesRewritten: size,
      objectSize: size,
      done: true,
      resource: toObjectResource(object, call.origin),
    });
  });

  router.on("POST /b/:bucket/o/:object/copyTo/b/:toBucket/o/:toObject", async (call) => {
    call.sendJson(toObjectResource(await copy(call, store), call.origin));
  });

  router.on("POST /b/:bucket/o/:object/moveTo/o/:toObject", async (call) => {
    await call.readJson(givenSettings);
    const source = readSource(call, store);
    const object = await store.moveObject(source, duplicate(call, source, call.param("bucket"), source));
    call.sendJson(toObjectResource(object, call.origin));
  });
}

async function copy(call: Call, store: Store): Promise<ObjectRecord> {
  const given = await call.readJson(givenSettings);
  const source = readSource(call, store);
  // Metadata in the request replaces the source's altogether.
  const settings = Object.keys(given).length > 0 ? given : source;
  return store.putObject(duplicate(call, source, call.param("toBucket"), settings));
}

function readSource(call: Call, store: Store): ObjectRecord {
  const object = store.object(call.param("bucket"), call.param("object"), call.queryText("sourceGeneration"));
  checkPreconditions(object, call.preconditions("Source"), "write");
  return object;
}

function duplicate(call: Call, source: ObjectRecord, bucket: string, settings: object): NewObject {
  const name = call.param("toObject");
  checkObjectName(name);
  const { size, crc32c, md5Hash, componentCount, segments } = source;
  const content = { size, crc32c, md5Hash, componentCount, segments };
  return { bucket, name, settings: objectSettings.parse(settings), preconditions: call.preconditions(), ...content };
}

function join(sources: ObjectRecord[]) {
  return {
    segments: sources.flatMap(({ segments }) => segments),
    size: sources.reduce((sum, { size }) => sum + size, 0),
    crc32c: sources.reduce((sum, { crc32c, size }) => combineCrc32c(sum, crc32c, size), EMPTY_CRC32C),
    componentCount: sources.reduce((sum, { componentCount }) => sum + (componentCount ?? 1), 0),
  };
}
