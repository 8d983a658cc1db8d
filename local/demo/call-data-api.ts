import { z } from "zod";

export interface DataApiOptions {
  method?: string;
  /** JSON, or a form where it is URLSearchParams. */
  body?: unknown;
  /** What goes after `Bearer `. */
  token?: string;
  headers?: Record<string, string>;
}

/** A call that the data API refused. */
export class Refusal extends Error {
  readonly status: number;
  readonly detail: string;

  constructor(status: number, detail: string) {
    super(`${status}: ${detail}`);
    this.status = status;
    this.detail = detail;
  }
}

const refusal = z.object({ detail: z.unknown() });

/** Calls a path below /api/v1 and resolves to the reply; a refusal is thrown. */
export async function callDataApi(
  functionsUrl: string,
  path: string,
  { method, body, token, headers = {} }: DataApiOptions = {},
): Promise<Response> {
  const isForm = body instanceof URLSearchParams;
  const reply = await fetch(`${functionsUrl}/api/v1/${path}`, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined || isForm ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
  });
  if (reply.ok) return reply;
  const { detail } = refusal.parse(await reply.json());
  throw new Refusal(reply.status, typeof detail === "string" ? detail : JSON.stringify(detail));
}
