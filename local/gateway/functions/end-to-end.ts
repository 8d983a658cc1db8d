import type { IncomingMessage } from "node:http";
import { LOOPBACK } from "../../listen.ts";

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

/** The headers that a function sees, names and values in turn. */
export function forwardedHeaders(request: IncomingMessage): string[] {
  const headers = endToEnd(request.rawHeaders);
  headers.push("x-forwarded-for", request.socket.remoteAddress ?? LOOPBACK);
  headers.push("x-forwarded-proto", "http", "x-forwarded-host", request.headers.host ?? LOOPBACK);
  return headers;
}

/** Raw headers, names and values in turn, without those of one connection. */
export function endToEnd(raw: string[]): string[] {
  const named = namedByConnection(raw);
  const kept: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? "";
    const lower = name.toLowerCase();
    if (!PER_CONNECTION.has(lower) && !named?.has(lower)) kept.push(name, raw[i + 1] ?? "");
  }
  return kept;
}

function namedByConnection(raw: string[]): Set<string> | undefined {
  let named: Set<string> | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i]?.length !== "connection".length || raw[i]?.toLowerCase() !== "connection") continue;
    named ??= new Set();
    for (const name of (raw[i + 1] ?? "").split(",")) named.add(name.trim().toLowerCase());
  }
  return named;
}
