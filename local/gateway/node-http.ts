import type { IncomingMessage, ServerResponse } from "node:http";

/** What Node's server received, as the web `Request` that a Hono app takes; its body is read in full. */
export async function toRequest(incoming: IncomingMessage, origin: string): Promise<Request> {
  const headers = new Headers();
  for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
    headers.append(incoming.rawHeaders[i] ?? "", incoming.rawHeaders[i + 1] ?? "");
  }
  const method = incoming.method ?? "GET";
  const bodiless = method === "GET" || method === "HEAD";
  const body = bodiless ? null : await readBody(incoming);
  return new Request(new URL(incoming.url ?? "/", origin), { method, headers, body });
}

async function readBody(incoming: IncomingMessage): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return chunks.length === 0 ? null : new Uint8Array(Buffer.concat(chunks));
}

/** Sends a web `Response` through Node's server, with its length, so that head and body leave in one packet. */
export async function sendResponse(response: Response, outgoing: ServerResponse): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  outgoing.statusCode = response.status;
  outgoing.setHeaders(response.headers);
  if (response.body !== null) outgoing.setHeader("content-length", body.length);
  outgoing.end(body);
}
