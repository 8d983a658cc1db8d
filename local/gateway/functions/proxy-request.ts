import {
  type Agent,
  type ClientRequest,
  type IncomingMessage,
  request as openRequest,
  type ServerResponse,
} from "node:http";
import { pipeline } from "node:stream";
import { LOOPBACK } from "../../listen.ts";
import { endToEnd, forwardedHeaders } from "./end-to-end.ts";

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

/** Passes a request on to a loopback port and its answer back, streaming both bodies. */
export function proxyRequest({ request, response, path, port, agent }: ProxiedRequest): Exchange {
  const isChunked = request.headers["transfer-encoding"] !== undefined;
  const upstream = openRequest({
    host: LOOPBACK,
    port,
    agent,
    path,
    method: request.method ?? "GET",
    headers: isChunked ? [...forwardedHeaders(request), "transfer-encoding", "chunked"] : forwardedHeaders(request),
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
