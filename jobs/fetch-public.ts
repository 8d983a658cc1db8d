import { lookup as resolve } from "node:dns";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { LookupFunction } from "node:net";
import { type AllowedHosts, isPublicAddress, whyNotPublic } from "../shared/cloud/public-url.ts";
import { JobFailure } from "./job-failure.ts";

export interface FetchPublicOptions {
  /** Hosts that may be fetched from wherever they lie, by http too. */
  allowed: AllowedHosts;
  headers: Record<string, string>;
  signal: AbortSignal;
}

const MAX_REDIRECTS = 5;
/** Silence longer than this counts as a broken connection. */
const IDLE_MS = 60_000;

/**
 * Opens a GET whose body streams, of a URL that somebody else wrote: only from public addresses, judged when the
 * connection is made and again at each redirect. Sends no credentials.
 */
export async function fetchPublic(url: string, options: FetchPublicOptions): Promise<IncomingMessage> {
  let target = url;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const why = whyNotPublic(target, options.allowed);
    if (why !== undefined) throw notPublic(target, why);
    const reply = await send(new URL(target), options);
    const { location } = reply.headers;
    if (!isRedirect(reply.statusCode) || location === undefined) return reply;
    reply.destroy();
    if (!URL.canParse(location, target)) throw notPublic(target, "redirects to something that is no URL");
    target = new URL(location, target).href;
  }
  const message = `Cannot fetch ${describeUrl(url)}: it redirects more than ${MAX_REDIRECTS} times.`;
  throw new JobFailure("data_unreachable", message);
}

/** A URL without what may be secret in it: its query often holds a signature. */
export function describeUrl(url: string): string {
  if (!URL.canParse(url)) return "the URL";
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

function send(url: URL, { allowed, headers, signal }: FetchPublicOptions): Promise<IncomingMessage> {
  return new Promise((resolveReply, reject) => {
    const secure = url.protocol === "https:";
    // What is allowed by its name may lie anywhere.
    const isAllowed = allowed.has(`${url.hostname}:${url.port || (secure ? "443" : "80")}`);
    const request = (secure ? requestHttps : requestHttp)(url, {
      agent: false,
      headers: { "accept-encoding": "identity", "user-agent": "corral", ...headers },
      signal,
      ...(isAllowed ? {} : { lookup: lookupPublic }),
    });
    request.setTimeout(IDLE_MS, () => request.destroy(new Error(`${url.origin} was silent for ${IDLE_MS / 1000} s`)));
    request.once("response", (reply) => {
      // What goes wrong from here on is the body's reader's to see; a stream without a listener would end the process.
      request.on("error", () => undefined);
      reply.on("error", () => undefined);
      resolveReply(reply);
    });
    request.once("error", reject);
    request.end();
  });
}

/** Resolves a name for a connection, which goes nowhere else; of what is found, every address has to be public. */
export const lookupPublic: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses) => {
    const [first] = addresses ?? [];
    if (error !== null || first === undefined) return callback(error ?? new Error(`${hostname} has no address`), "");
    const hidden = addresses.find(({ address }) => !isPublicAddress(address));
    if (hidden !== undefined)
      return callback(notPublic(`https://${hostname}`, `leads to ${hidden.address}, which is no public address`), "");
    if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

function notPublic(url: string, why: string): JobFailure {
  return new JobFailure("address_not_public", `Cannot fetch ${describeUrl(url)}: it ${why}.`);
}

function isRedirect(status: number | undefined): boolean {
  return status !== undefined && [301, 302, 303, 307, 308].includes(status);
}
