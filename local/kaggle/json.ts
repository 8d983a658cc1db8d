import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { z } from "zod";
import { ApiError } from "./api-error.ts";

const object = z.record(z.string(), z.unknown());

/** Reads a body as a JSON object; none at all counts as an empty one. Throws a 400. */
export async function readJson(req: IncomingMessage): Promise<Record<string, unknown>> {
  const body = await text(req);
  if (body === "") return {};
  const parsed = object.safeParse(parse(body));
  if (!parsed.success) throw new ApiError(400, "The body must be a JSON object");
  return parsed.data;
}

export function sendJson(
  res: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const bytes = Buffer.from(JSON.stringify(body));
  res.writeHead(status, { ...headers, "content-type": "application/json", "content-length": bytes.length }).end(bytes);
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
