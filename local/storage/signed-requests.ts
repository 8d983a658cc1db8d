import type { Call } from "./call.ts";
import { checkPreconditions } from "./check-preconditions.ts";
import type { Md5Hasher } from "./md5-hasher.ts";
import { checkObjectName } from "./object-name.ts";
import type { ExpectedHashes, ObjectRecord, ObjectSettings, Preconditions } from "./records.ts";
import { etagOf } from "./resources.ts";
import { sendMedia } from "./send-media.ts";
import { invalid, notImplemented, StorageError } from "./storage-error.ts";
import type { Store } from "./store.ts";
import { uploadContent } from "./upload-content.ts";
import { readGoogHash, sessionUri } from "./upload-routes.ts";

const META_PREFIX = "x-goog-meta-";

/** The part of the XML API that signed URLs are made for: one object, at `/{bucket}/{object}`. */
export async function handleSigned(call: Call, store: Store, hasher: Md5Hasher | undefined): Promise<void> {
  const [bucket, name] = [call.param("bucket"), call.param("object")];
  const { method } = call.request;
  if (method === "GET" || method === "HEAD") {
    const object = store.object(bucket, name, call.queryText("generation"));
    checkPreconditions(object, readConditions(call), "write");
    await sendMedia(call, store, object);
  } else if (method === "PUT") {
    checkObjectName(name);
    const target = { bucket, name, settings: readSettings(call), preconditions: readConditions(call) };
    const checkSize = readSizeLimits(call);
    checkSize(Number(call.header("content-length") ?? 0), "announced");
    const content = { ...target, expected: readHashes(call) };
    const object = await uploadContent(store, hasher, content, call.body(), (size) => checkSize(size, "received"));
    call.sendEmpty(200, toHeaders(object));
  } else if (method === "POST" && call.header("x-goog-resumable") === "start") {
    checkObjectName(name);
    const target = { bucket, name, settings: readSettings(call), preconditions: readConditions(call) };
    const { id } = await store.openUpload({ ...target, expected: readHashes(call) });
    call.sendEmpty(201, { location: sessionUri(call, bucket, name, id), "x-guploader-uploadid": id });
  } else if (method === "DELETE") {
    await store.deleteObject(bucket, name, call.queryText("generation"), readConditions(call));
    call.sendEmpty(204);
  } else {
    throw notImplemented(`${method} of the XML API`);
  }
}

function readSettings(call: Call): ObjectSettings {
  const { headers } = call.request;
  const entries = Object.entries(headers).flatMap(([key, value]) =>
    key.startsWith(META_PREFIX) && typeof value === "string" ? [[key.slice(META_PREFIX.length), value] as const] : [],
  );
  return {
    contentType: call.header("content-type"),
    contentEncoding: call.header("content-encoding"),
    contentDisposition: call.header("content-disposition"),
    contentLanguage: call.header("content-language"),
    cacheControl: call.header("cache-control"),
    customTime: call.header("x-goog-custom-time"),
    ...(entries.length > 0 ? { metadata: Object.fromEntries(entries) } : {}),
  };
}

function readConditions(call: Call): Preconditions {
  return {
    ifGenerationMatch: call.header("x-goog-if-generation-match"),
    ifMetagenerationMatch: call.header("x-goog-if-metageneration-match"),
  };
}

function readHashes(call: Call): ExpectedHashes {
  const md5Hash = call.header("content-md5");
  return { ...(md5Hash === undefined ? {} : { md5Hash }), ...readGoogHash(call.header("x-goog-hash")) };
}

/** `x-goog-content-length-range: min,max`: what the signer lets the holder of the URL upload. */
function readSizeLimits(call: Call): (size: number, when: "announced" | "received") => void {
  const header = call.header("x-goog-content-length-range");
  if (header === undefined) return () => undefined;
  const [, min, max] = /^\s*(\d+)\s*,\s*(\d+)\s*$/.exec(header) ?? [];
  if (min === undefined || max === undefined) throw invalid(`Invalid x-goog-content-length-range: "${header}"`);
  return (size, when) => {
    if (size > Number(max)) {
      const message = "Your proposed upload is larger than the maximum object size specified in your Policy Document.";
      throw new StorageError(400, "invalid", "EntityTooLarge", message);
    }
    if (when === "received" && size < Number(min)) {
      const message = "Your proposed upload is smaller than the minimum object size specified in your Policy Document.";
      throw new StorageError(400, "invalid", "EntityTooSmall", message);
    }
  };
}

function toHeaders(object: ObjectRecord): Record<string, string> {
  return {
    etag: `"${etagOf(object)}"`,
    "x-goog-generation": String(object.generation),
    "x-goog-metageneration": String(object.metageneration),
    "x-goog-hash": `crc32c=${object.crc32c}${object.md5Hash === undefined ? "" : `,md5=${object.md5Hash}`}`,
    "x-goog-stored-content-length": String(object.size),
  };
}
