import type { IncomingMessage, ServerResponse } from "node:http";
import type { Log } from "../log.ts";
import { Call } from "./call.ts";
import { bucketCors, isPreflight, openCors } from "./cors.ts";
import { decodeSegment, type Handler, type Router } from "./router.ts";
import { invalid, notImplemented, StorageError, toJsonError, toXmlError } from "./storage-error.ts";
import type { Store } from "./store.ts";
import type { SignatureVerifier } from "./verify-signature.ts";

export interface Deps {
  /** Routes of the JSON API, without its prefix. */
  router: Router;
  /** What a signed URL leads to. */
  handleSigned: Handler;
  verifier: SignatureVerifier;
  store: Store;
  log: Log;
  /** What one connection carries towards us; as much as it can when left out. */
  uploadBytesPerSecond?: number | undefined;
}

interface Target {
  path: string;
  query: URLSearchParams;
}

type ErrorFormat = "json" | "xml" | "text";

/** The JSON API answers under all of these: the last is what STORAGE_EMULATOR_HOST makes of the Node SDK's calls. */
const API_PREFIXES = ["/storage/v1/", "/download/storage/v1/", "/"];
const OTHER_APIS = ["/upload/storage/v1/", "/batch/storage/v1"];

/** Answers one request: of the JSON API by its path, else of the XML API by its signature. */
export async function handleRequest(deps: Deps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const target = readTarget(request);
  const apiPath = toApiPath(target.path);
  const format = apiPath === undefined ? "xml" : target.query.get("alt") === "media" ? "text" : "json";
  let call: Call | undefined;
  try {
    if (apiPath === undefined) {
      call = openSigned(deps, request, response, target);
      if (isPreflight(request)) return call.sendEmpty(200);
      deps.verifier.verify(toSigned(request, target));
      await deps.handleSigned(call);
    } else {
      setHeaders(response, openCors(request));
      if (isPreflight(request)) return void response.writeHead(200, { "content-length": 0 }).end();
      const match = deps.router.find(request.method ?? "", apiPath);
      if (match === undefined) throw notImplemented(`${request.method} ${target.path}`);
      call = new Call(request, response, match.params, target.query, deps.uploadBytesPerSecond);
      await match.handler(call);
    }
  } catch (error) {
    sendError(request, response, error, format, deps.log);
  }
  await call?.discardBody();
}

/** The path as it was sent: URL parsing would fold `..`, which is a fine part of an object's name. */
function readTarget({ url = "/" }: IncomingMessage): Target {
  const [path = "/", ...rest] = url.split("?");
  return { path, query: new URLSearchParams(rest.join("?")) };
}

function toApiPath(path: string): string | undefined {
  if (OTHER_APIS.some((api) => path.startsWith(api))) return path;
  const prefix = API_PREFIXES.find((one) => path === `${one}b` || path.startsWith(`${one}b/`));
  return prefix === undefined ? undefined : path.slice(prefix.length - 1);
}

function openSigned(
  { store }: Deps,
  request: IncomingMessage,
  response: ServerResponse,
  { path, query }: Target,
): Call {
  const [, bucket = "", ...name] = path.split("/").map(decodeSegment);
  if (bucket === "" || name.join("/") === "") throw invalid("The path names no object: it takes /{bucket}/{object}.");
  setHeaders(response, bucketCors(request, store.buckets().find((one) => one.name === bucket)?.settings.cors));
  return new Call(request, response, { bucket, object: name.join("/") }, query);
}

function toSigned({ method = "", headers }: IncomingMessage, { path, query }: Target) {
  const header = (name: string) => headers[name]?.toString();
  return { method, path, query, header, headerNames: Object.keys(headers) };
}

function setHeaders(response: ServerResponse, headers: Record<string, string>): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
}

function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  format: ErrorFormat,
  log: Log,
): void {
  const known =
    error instanceof StorageError
      ? error
      : new StorageError(500, "backendError", "InternalError", "We encountered an internal error. Please try again.");
  // A client that went away is no failure of ours.
  if (known !== error && !response.destroyed) {
    log(`${request.method} ${request.url} failed: ${error instanceof Error ? error.stack : error}`);
  }
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  if (known.status === 304) {
    response.writeHead(304).end();
    return;
  }
  const body = { json: toJsonError, xml: toXmlError, text: () => known.message }[format](known);
  const type = { json: "application/json", xml: "application/xml", text: "text/html" }[format];
  const headers = { "content-type": `${type}; charset=UTF-8`, "content-length": Buffer.byteLength(body) };
  response.writeHead(known.status, headers).end(request.method === "HEAD" ? undefined : body);
}
