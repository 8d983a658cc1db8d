import {
  type Agent,
  type ClientRequest,
  type IncomingMessage,
  request as openRequest,
  type ServerResponse,
} from "node:http";
import { pipeline } from "node:stream";
import { LOOPBACK } from "../../listen.ts";

export interface ProxiedRequest {
  request: IncomingMessage;
  response: ServerResponse;
  /** Path and query that the receiver sees. */
  path: string;
  port: number;
  agent: Agent;
}

/** `answered` once the answer's head has been passed on, `broken` before that, `abandoned` when the client left. */
export type ProxyOutcome = "answered" | "broken" | "abandoned";

export interface Exchange {
  outcome: Promise<ProxyOutcome>;
  abort(): void;
}

/** Headers that concern one connection and not the message (RFC 9110, 7.6.1), and what Node answers itself. */
const PER_CONNECTION = new Set([
  "connection",
  "expect",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Passes a request on to a loopback port and its answer back, streaming both bodies. */
export function proxyRequest({ request, response, path, port, agent }: ProxiedRequest): Exchange {
  const upstream = openRequest({
    host: LOOPBACK,
    port,
    agent,
    path,
    method: request.method ?? "GET",
    headers: forwardedHeaders(request),
  });
  const outcome = new Promise<ProxyOutcome>((resolve) => {
    upstream.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.rawHeaders));
      // Without a length the body may be slow to come (server-sent events): its head must not wait for it.
      if (answer.headers["content-length"] === undefined) response.flushHeaders();
      pipeline(answer, response, () => {
        if (!request.readableEnded) dropRest(request, upstream);
      });
      resolve("answered");
    });
    upstream.on("error", () => {
      resolve("broken");
      dropRest(request, upstream);
    });
    response.once("close", () => {
      if (response.writableFinished) return;
      resolve("abandoned");
      upstream.destroy();
    });
  });
  request.pipe(upstream);
  return { outcome, abort: () => upstream.destroy() };
}

/** Reads a body that nobody wants to its end: the client's next request comes after it on the same connection. */
function dropRest(request: IncomingMessage, upstream: ClientRequest): void {
  request.unpipe(upstream).resume();
  upstream.destroy();
}

function forwardedHeaders(request: IncomingMessage): string[] {
  const headers = endToEnd(request.rawHeaders);
  if (request.headers["transfer-encoding"] !== undefined) headers.push("transfer-encoding", "chunked");
  headers.push("x-forwarded-for", request.socket.remoteAddress ?? LOOPBACK);
  headers.push("x-forwarded-proto", "http", "x-forwarded-host", request.headers.host ?? LOOPBACK);
  return headers;
}

/** Raw headers, names and values in turn, without those of one connection. */
function endToEnd(raw: string[]): string[] {
  const named = new Set<string>();
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i]?.toLowerCase() === "connection") {
      for (const name of (raw[i + 1] ?? "").split(",")) named.add(name.trim().toLowerCase());
    }
  }
  const kept: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? "";
    const lower = name.toLowerCase();
    if (!PER_CONNECTION.has(lower) && !named.has(lower)) kept.push(name, raw[i + 1] ?? "");
  }
  return kept;
}
