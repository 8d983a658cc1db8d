import { z } from "zod";
import { readUploadRange } from "./byte-range.ts";
import { type Call, parseJson } from "./call.ts";
import type { Md5Hasher } from "./md5-hasher.ts";
import { withoutNulls } from "./merge-patch.ts";
import { splitMultipart } from "./multipart-related.ts";
import { checkObjectName } from "./object-name.ts";
import { type ExpectedHashes, expectedHashes, objectSettings } from "./records.ts";
import { toObjectResource } from "./resources.ts";
import type { ResumableUploads, UploadProgress } from "./resumable-uploads.ts";
import type { Router } from "./router.ts";
import { invalid } from "./storage-error.ts";
import type { Store } from "./store.ts";
import { uploadContent } from "./upload-content.ts";

const uploadMetadata = z.preprocess(
  withoutNulls,
  objectSettings.extend({ name: z.string().optional() }).extend(expectedHashes.shape),
);
type UploadMetadata = z.infer<typeof uploadMetadata>;

const PATH = "/upload/storage/v1/b/:bucket/o";
const RESUME_INCOMPLETE = 308;
const CLIENT_CLOSED_REQUEST = 499;

/** The three ways of the JSON API to upload: media, multipart and resumable. */
export function addUploadRoutes(
  router: Router,
  store: Store,
  hasher: Md5Hasher | undefined,
  uploads: ResumableUploads,
): void {
  router.on(`POST ${PATH}`, async (call) => {
    const type = call.query.get("uploadType");
    if (type === "resumable") return startResumable(call, store);
    if (type === "multipart") return uploadMultipart(call, store, hasher);
    if (type === "media") return uploadMedia(call, store, hasher);
    throw invalid(`Invalid value for uploadType: "${type}". It takes media, multipart or resumable.`);
  });

  router.on(`PUT ${PATH}`, (call) => continueUpload(call, uploads));

  router.on(`DELETE ${PATH}`, async (call) => {
    await uploads.cancel(uploadId(call), call.request);
    call.sendEmpty(CLIENT_CLOSED_REQUEST);
  });
}

async function continueUpload(call: Call, uploads: ResumableUploads): Promise<void> {
  const header = call.header("content-range");
  const range = readUploadRange(header);
  if (range === undefined) throw invalid(`Invalid Content-Range: "${header}"`);
  sendProgress(call, await uploads.put(uploadId(call), range, call.request, call.body()));
}

/** The URI of an upload session, for whoever holds it. */
export function sessionUri(call: Call, bucket: string, name: string, id: string): string {
  const query = new URLSearchParams({ uploadType: "resumable", name, upload_id: id });
  return `${call.origin}/upload/storage/v1/b/${bucket}/o?${query}`;
}

async function startResumable(call: Call, store: Store): Promise<void> {
  const target = readTarget(call, await call.readJson(uploadMetadata), call.header("x-upload-content-type"));
  const length = call.header("x-upload-content-length");
  const { id } = await store.openUpload({ ...target, ...(length === undefined ? {} : { length: Number(length) }) });
  call.sendEmpty(200, { location: sessionUri(call, target.bucket, target.name, id), "x-guploader-uploadid": id });
}

async function uploadMultipart(call: Call, store: Store, hasher: Md5Hasher | undefined): Promise<void> {
  const { metadata, contentType, content } = await splitMultipart(call.header("content-type"), call.body());
  const target = readTarget(call, parseJson(uploadMetadata, metadata), contentType);
  call.sendJson(toObjectResource(await uploadContent(store, hasher, target, content), call.origin));
}

async function uploadMedia(call: Call, store: Store, hasher: Md5Hasher | undefined): Promise<void> {
  const target = readTarget(call, {}, call.header("content-type"));
  call.sendJson(toObjectResource(await uploadContent(store, hasher, target, call.body()), call.origin));
}

function readTarget(call: Call, metadata: UploadMetadata, contentType: string | undefined) {
  const { name: bodyName, crc32c, md5Hash, ...given } = metadata;
  const name = call.queryText("name") ?? bodyName ?? "";
  checkObjectName(name);
  const expected: ExpectedHashes = { crc32c, md5Hash, ...readGoogHash(call.header("x-goog-hash")) };
  const contentEncoding = given.contentEncoding ?? call.queryText("contentEncoding");
  const settings = { ...given, contentEncoding, contentType: given.contentType ?? contentType };
  return { bucket: call.param("bucket"), name, settings, preconditions: call.preconditions(), expected };
}

/** `crc32c=…,md5=…`: what the client promises of its bytes. */
export function readGoogHash(header: string | undefined): ExpectedHashes {
  const entries = (header ?? "").split(",").map((entry) => entry.trim());
  const read = (key: string) => entries.find((entry) => entry.startsWith(`${key}=`))?.slice(key.length + 1);
  const [crc32c, md5Hash] = [read("crc32c"), read("md5")];
  return { ...(crc32c === undefined ? {} : { crc32c }), ...(md5Hash === undefined ? {} : { md5Hash }) };
}

function uploadId(call: Call): string {
  const id = call.query.get("upload_id");
  if (id === null) throw invalid("Required parameter: upload_id");
  return id;
}

function sendProgress(call: Call, progress: UploadProgress): void {
  if ("done" in progress) {
    call.sendJson(toObjectResource(progress.done, call.origin));
    return;
  }
  const { persisted } = progress;
  call.sendEmpty(RESUME_INCOMPLETE, persisted > 0 ? { range: `bytes=0-${persisted - 1}` } : {});
}
