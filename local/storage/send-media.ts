import { createGunzip } from "node:zlib";
import { type ByteRange, readRange } from "./byte-range.ts";
import type { Call } from "./call.ts";
import type { ObjectRecord } from "./records.ts";
import { etagOf } from "./resources.ts";
import { notModified, preconditionFailed, StorageError } from "./storage-error.ts";
import type { Store } from "./store.ts";

/** Headers that a signed URL may replace, by the query parameter that does. */
const OVERRIDES = {
  "response-content-type": "content-type",
  "response-content-disposition": "content-disposition",
} as const;

/** Answers with an object's bytes, or those in the range asked for; HEAD without them. */
export async function sendMedia(call: Call, store: Store, object: ObjectRecord): Promise<void> {
  checkEtag(call, object);
  if (object.contentEncoding === "gzip" && !acceptsGzip(call)) return sendUnzipped(call, store, object);
  const range = findRange(call, object);
  const { start, end } = range ?? { start: 0, end: object.size };
  const headers: Record<string, string> = {
    ...describe(object),
    "accept-ranges": "bytes",
    "content-length": String(end - start),
    ...(object.contentEncoding === undefined ? {} : { "content-encoding": toHeaderText(object.contentEncoding) }),
  };
  if (range !== undefined) headers["content-range"] = `bytes ${start}-${end - 1}/${object.size}`;
  for (const [parameter, header] of Object.entries(OVERRIDES)) {
    const value = call.query.get(parameter);
    if (value !== null) headers[header] = toHeaderText(value);
  }
  call.response.writeHead(range === undefined ? 200 : 206, headers);
  if (call.request.method === "HEAD") call.response.end();
  else await store.segments.send(object.segments, start, end, call.response);
}

/** Decompressive transcoding: whoever does not take gzip gets the bytes unzipped, without ranges and checksums. */
async function sendUnzipped(call: Call, store: Store, object: ObjectRecord): Promise<void> {
  const { "x-goog-hash": _hash, ...headers } = describe(object);
  call.response.writeHead(200, { ...headers, warning: "214 UploadServer gunzipped" });
  if (call.request.method === "HEAD") return void call.response.end();
  await store.segments.send(object.segments, 0, object.size, call.response, createGunzip());
}

/** The SDKs prove full reads by `x-goog-hash`, and only when the stored encoding is told; no space after the comma. */
function describe(object: ObjectRecord): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": toHeaderText(object.contentType ?? "application/octet-stream"),
    etag: `"${etagOf(object)}"`,
    "last-modified": new Date(object.updated).toUTCString(),
    "cache-control": toHeaderText(object.cacheControl ?? "private, max-age=0"),
    "x-goog-hash": [`crc32c=${object.crc32c}`, ...(object.md5Hash ? [`md5=${object.md5Hash}`] : [])].join(","),
    "x-goog-generation": String(object.generation),
    "x-goog-metageneration": String(object.metageneration),
    "x-goog-stored-content-length": String(object.size),
    "x-goog-stored-content-encoding": toHeaderText(object.contentEncoding ?? "identity"),
    "x-goog-storage-class": "STANDARD",
  };
  const { contentDisposition, contentLanguage } = object;
  if (contentDisposition !== undefined) headers["content-disposition"] = toHeaderText(contentDisposition);
  if (contentLanguage !== undefined) headers["content-language"] = toHeaderText(contentLanguage);
  if (object.componentCount !== undefined) headers["x-goog-component-count"] = String(object.componentCount);
  for (const [key, value] of Object.entries(object.metadata ?? {})) {
    if (/^[\w-]+$/.test(key)) headers[`x-goog-meta-${key.toLowerCase()}`] = toHeaderText(value);
  }
  return headers;
}

/** Metadata may be any text; a header carries its UTF-8 bytes, less what would break its line. */
function toHeaderText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what has to go
  return Buffer.from(text.replace(/[\u0000-\u001f\u007f]/g, " ")).toString("latin1");
}

function findRange(call: Call, object: ObjectRecord): ByteRange | undefined {
  const condition = call.header("if-range");
  if (condition !== undefined && unquote(condition) !== etagOf(object)) return undefined;
  try {
    return readRange(call.header("range"), object.size);
  } catch (error) {
    if (error instanceof StorageError) call.response.setHeader("content-range", `bytes */${object.size}`);
    throw error;
  }
}

function checkEtag(call: Call, object: ObjectRecord): void {
  const names = (header: string | undefined) => header?.split(",").map(unquote);
  const etag = etagOf(object);
  const required = names(call.header("if-match"));
  if (required && !required.includes(etag) && !required.includes("*")) throw preconditionFailed();
  const known = names(call.header("if-none-match"));
  if (known && (known.includes(etag) || known.includes("*"))) throw notModified();
}

function unquote(etag: string): string {
  return etag.trim().replace(/^(?:W\/)?"(.*)"$/, "$1");
}

function acceptsGzip(call: Call): boolean {
  return /\bgzip\b/.test(call.header("accept-encoding") ?? "");
}
