import { GOOGLE_STORAGE } from "./sign-url.ts";

export interface ObjectName {
  bucket: string;
  object: string;
}

/** How objects of ours are written down everywhere inside. */
export const gsUrl = ({ bucket, object }: ObjectName): string => `gs://${bucket}/${object}`;

/**
 * The object that a URL names which was written down here: only `gs://` names one. Whatever else a row holds was either
 * no object of ours when it came in, or never looked at, and is nobody's to have signed or read.
 */
export function parseGsUrl(url: string): ObjectName | undefined {
  const [, bucket, object] = /^gs:\/\/([^/]+)\/(.+)$/s.exec(url) ?? [];
  return named(bucket, object);
}

/**
 * A URL that somebody gave, as it is written down: `gs://` for an object of the bucket, in whatever way it was named, and
 * any web address as the URL standard spells it, so that every program takes it for the same one.
 */
export function toKeptUrl(
  url: string,
  { bucket, endpoint }: { bucket: string; endpoint?: string | undefined },
): string {
  const named = parseObjectUrl(url, endpoint);
  if (named?.bucket === bucket) return gsUrl(named);
  return /^https?:/i.test(url) && URL.canParse(url) ? new URL(url).href : url;
}

/** The JSON API's paths of one object; uploads name theirs in the query and are no place to read from. */
const API_PATH = /^\/(?:download\/)?storage\/v1\/b\/([^/]+)\/o\/([^/]+)$/;

/**
 * The object that a URL from outside names, in whatever way Cloud Storage lets it be named: `gs://`, the XML API by path
 * or by host, the console's `storage.cloud.google.com`, or the JSON API; at Google's address or at the configured one.
 * Undefined for any other URL. What a query says, a signature for one, does not count.
 */
export function parseObjectUrl(url: string, endpoint = GOOGLE_STORAGE): ObjectName | undefined {
  const written = parseGsUrl(url);
  if (written !== undefined) return written;
  if (!URL.canParse(url)) return undefined;
  const { protocol, host: spelt, pathname } = new URL(url);
  if (protocol !== "https:" && protocol !== "http:") return undefined;
  // With a dot at its end it is the same host.
  const host = spelt.replace(/\.(?=:|$)/, "");

  const own = new URL(endpoint).host;
  const isOwn = host === own || host === "storage.googleapis.com" || host === "www.googleapis.com";
  const api = isOwn ? API_PATH.exec(pathname) : null;
  if (api !== null) return decoded(api[1], api[2]);
  if (host === "www.googleapis.com") return undefined;

  const byHost = bucketOf(host, ["storage.googleapis.com", own]);
  if (byHost !== undefined) return decoded(byHost, pathname.slice(1));
  if (!isOwn && host !== "storage.cloud.google.com") return undefined;
  const byPath = /^\/([^/]+)\/(.+)$/s.exec(pathname);
  return decoded(byPath?.[1], byPath?.[2]);
}

/** The bucket of `{bucket}.storage.googleapis.com`. */
function bucketOf(host: string, endpoints: string[]): string | undefined {
  const endpoint = endpoints.find((one) => host.endsWith(`.${one}`));
  return endpoint === undefined ? undefined : host.slice(0, -endpoint.length - 1);
}

function decoded(bucket: string | undefined, object: string | undefined): ObjectName | undefined {
  try {
    return named(decodeURIComponent(bucket ?? ""), decodeURIComponent(object ?? ""));
  } catch {
    return undefined;
  }
}

function named(bucket: string | undefined, object: string | undefined): ObjectName | undefined {
  return bucket && object ? { bucket, object } : undefined;
}
