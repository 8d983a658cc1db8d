import { Agent, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps, Agent as TlsAgent } from "node:https";

const MAX_REDIRECTS = 5;
/** Silence longer than this counts as a broken connection. */
const IDLE_MS = 15_000;

/** Opens GETs whose bodies stream, over connections that are kept; follows redirects, and sends no credentials at all. */
export class HttpClient {
  readonly #http = new Agent({ keepAlive: true });
  readonly #https = new TlsAgent({ keepAlive: true });

  /** Resolves with the headers; the body waits until it is read. Never follows https to http. */
  async get(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
    let target = url;
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const reply = await this.#send(target, headers, signal);
      const { location } = reply.headers;
      if (!isRedirect(reply.statusCode) || location === undefined) return reply;
      reply.resume();
      const next = new URL(location, target);
      if (next.protocol !== "https:" && next.protocol !== target.protocol)
        throw new Error(`${target.origin} redirects to ${next.protocol}, which is not encrypted`);
      target = next;
    }
    throw new Error(`${url.origin} redirects more than ${MAX_REDIRECTS} times`);
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  #send(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const secure = url.protocol === "https:";
      const send = secure ? requestHttps : requestHttp;
      const request = send(url, { agent: secure ? this.#https : this.#http, headers, signal });
      request.setTimeout(IDLE_MS, () => request.destroy(new Error(`${url.origin} was silent for ${IDLE_MS / 1000} s`)));
      request.once("response", (reply) => {
        // What goes wrong from here on is the body's reader's to see; a stream without a listener would end the process.
        request.on("error", () => undefined);
        reply.on("error", () => undefined);
        resolve(reply);
      });
      request.once("error", reject);
      request.end();
    });
  }
}

function isRedirect(status: number | undefined): boolean {
  return status !== undefined && [301, 302, 303, 307, 308].includes(status);
}
