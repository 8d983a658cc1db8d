import type { IncomingMessage } from "node:http";
import { z } from "zod";

const corsShape = z.array(
  z.object({
    origin: z.array(z.string()).default([]),
    method: z.array(z.string()).default([]),
    responseHeader: z.array(z.string()).default([]),
    maxAgeSeconds: z.number().optional(),
  }),
);

const ANY_METHOD = "DELETE,GET,HEAD,PATCH,POST,PUT";

/** The JSON API lets any origin in: its callers carry a token. */
export function openCors(request: IncomingMessage): Record<string, string> {
  const { origin } = request.headers;
  if (origin === undefined) return {};
  const headers = { "access-control-allow-origin": origin, vary: "Origin" };
  if (!isPreflight(request)) return { ...headers, "access-control-expose-headers": "*" };
  return {
    ...headers,
    "access-control-allow-methods": ANY_METHOD,
    "access-control-allow-headers": text(request.headers["access-control-request-headers"]),
    "access-control-max-age": "3600",
  };
}

/** Signed URLs are let in by the bucket's own `cors` setting, whose first matching entry decides. */
export function bucketCors(request: IncomingMessage, setting: unknown): Record<string, string> {
  const { origin } = request.headers;
  if (origin === undefined) return {};
  const method = isPreflight(request) ? text(request.headers["access-control-request-method"]) : request.method;
  const entry = corsShape
    .catch([])
    .parse(setting)
    .find((one) => matches(one.origin, origin) && matches(one.method, method ?? ""));
  if (entry === undefined) return {};
  const headers = {
    "access-control-allow-origin": entry.origin.includes("*") ? "*" : origin,
    vary: "Origin",
  };
  const names = entry.responseHeader.join(",");
  if (!isPreflight(request)) return { ...headers, "access-control-expose-headers": names };
  return {
    ...headers,
    "access-control-allow-methods": entry.method.join(","),
    "access-control-allow-headers": names,
    "access-control-max-age": String(entry.maxAgeSeconds ?? 3600),
  };
}

export function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === "OPTIONS" && headers["access-control-request-method"] !== undefined;
}

function matches(allowed: string[], value: string): boolean {
  return allowed.includes("*") || allowed.includes(value);
}

function text(header: string | string[] | undefined): string {
  return Array.isArray(header) ? header.join(",") : (header ?? "");
}
