import type { IncomingMessage, ServerResponse } from "node:http";
import type { z } from "zod";
import { TokenBucket } from "../token-bucket.ts";
import { type Preconditions, preconditions } from "./records.ts";
import { invalid } from "./storage-error.ts";

const MAX_JSON_BYTES = 8 << 20;

/** One request with its parameters read, and the ways to answer it. */
export class Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly #params: Record<string, string>;
  readonly #bytesPerSecond: number | undefined;
  #body: AsyncIterator<Buffer> | undefined;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    params: Record<string, string>,
    query: URLSearchParams,
    bytesPerSecond?: number,
  ) {
    this.request = request;
    this.response = response;
    this.query = query;
    this.#params = params;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** A decoded segment of the path. */
  param(name: string): string {
    const value = this.#params[name];
    if (value === undefined) throw new Error(`The route has no parameter "${name}"`);
    return value;
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value.join(",") : value;
  }

  queryText(name: string): string | undefined {
    return this.query.get(name) ?? undefined;
  }

  /** Scheme and host as the client sees them. */
  get origin(): string {
    return `http://${this.header("host") ?? "127.0.0.1"}`;
  }

  /** The query parameters `ifGenerationMatch`, `ifSourceGenerationMatch` (with infix "Source") and so on. */
  preconditions(infix = ""): Preconditions {
    const read = (name: string) => this.queryText(`if${infix}${name}`);
    return preconditions.parse({
      ifGenerationMatch: read("GenerationMatch"),
      ifGenerationNotMatch: read("GenerationNotMatch"),
      ifMetagenerationMatch: read("MetagenerationMatch"),
      ifMetagenerationNotMatch: read("MetagenerationNotMatch"),
    });
  }

  /** The body as it arrives; a client that goes away makes it throw. */
  body(): AsyncIterableIterator<Buffer> {
    const body = this.request.iterator({ destroyOnReturn: false });
    this.#body = body;
    return this.#bytesPerSecond === undefined ? body : pace(body, new TokenBucket(this.#bytesPerSecond));
  }

  /** Reads what is left of the body, so that the connection can carry the next request. */
  async discardBody(): Promise<void> {
    await this.#body?.return?.();
    this.request.resume();
  }

  /** The body as JSON of a shape; no body counts as `{}`. */
  async readJson<T>(schema: z.ZodType<T>): Promise<T> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of this.body()) {
      bytes += chunk.length;
      if (bytes > MAX_JSON_BYTES) throw invalid("The request body is too large.");
      chunks.push(chunk);
    }
    return parseJson(schema, Buffer.concat(chunks).toString("utf8"));
  }

  sendJson(value: unknown, status = 200, headers: Record<string, string> = {}): void {
    const text = JSON.stringify(value);
    const type = { "content-type": "application/json; charset=UTF-8", "content-length": Buffer.byteLength(text) };
    this.response.writeHead(status, { ...type, ...headers }).end(text);
  }

  sendEmpty(status: number, headers: Record<string, string> = {}): void {
    this.response.writeHead(status, { "content-length": 0, ...headers }).end();
  }
}

/** Lets a piece pass, then waits until the link could have carried it: one timer per piece, not one per chunk. */
async function* pace(body: AsyncIterable<Buffer>, bucket: TokenBucket): AsyncIterableIterator<Buffer> {
  let passed = 0;
  for await (const chunk of body) {
    yield chunk;
    passed += chunk.length;
    if (passed < bucket.pieceBytes) continue;
    await bucket.take(passed);
    passed = 0;
  }
}

/** Parses JSON of a shape, or throws 400 with what is wrong; empty text counts as `{}`. */
export function parseJson<T>(schema: z.ZodType<T>, text: string): T {
  let value: unknown;
  try {
    value = text.trim() === "" ? {} : JSON.parse(text);
  } catch {
    throw invalid("Parse Error");
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalid(`Invalid value for ${issue?.path.join(".") || "the request"}: ${issue?.message}`);
}
