import type { IncomingMessage } from "node:http";
import type { AllowedHosts } from "../../shared/cloud/public-url.ts";
import { parseRetryAfter } from "../../shared/cloud/retry-after.ts";
import { describeUrl, fetchPublic } from "../fetch-public.ts";
import { JobFailure } from "../job-failure.ts";
import { RetryBudget } from "../retry-budget.ts";
import { MAX_DATA_BYTES } from "./require-inflation.ts";

export interface DownloadOptions {
  url: string;
  allowed: AllowedHosts;
  signal: AbortSignal;
}

export interface Download {
  /** What the server calls the file, or the URL does. */
  name: string;
  /** Undefined when the server does not tell. */
  totalBytes: number | undefined;
  /** The file, once; whatever breaks on the way is taken up where it broke. */
  bytes: AsyncIterable<Buffer>;
}

const RETRY_AFTER_CAP_SECONDS = 3600;

/** Asks a server for a file; its bytes come when they are read. */
export async function openDownload(options: DownloadOptions): Promise<Download> {
  const budget = new RetryBudget(options.signal, (cause, retryAfterSeconds) =>
    giveUp(options.url, cause, retryAfterSeconds),
  );
  const reply = await ask(options, {}, budget);
  const length = reply.headers["content-length"];
  const totalBytes = length === undefined ? undefined : Number(length);
  if ((totalBytes ?? 0) > MAX_DATA_BYTES) {
    reply.destroy();
    throw tooLarge(options.url);
  }
  return { name: nameOf(options.url, reply), totalBytes, bytes: read(options, reply, budget) };
}

async function* read(options: DownloadOptions, first: IncomingMessage, budget: RetryBudget): AsyncGenerator<Buffer> {
  const { url, signal } = options;
  let position = 0;
  for (let reply = first; ; ) {
    try {
      for await (const chunk of reply) {
        position += chunk.length;
        if (position > MAX_DATA_BYTES) throw tooLarge(url);
        budget.renew();
        yield chunk;
      }
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof JobFailure) throw error;
      await budget.spend(error);
    } finally {
      reply.destroy();
    }
    reply = await resume(options, first, position, budget);
  }
}

/** Asks for the rest of a file; only a server that says what version of it it sent can be trusted with that. */
async function resume(options: DownloadOptions, first: IncomingMessage, position: number, budget: RetryBudget) {
  const { etag, "last-modified": modified } = first.headers;
  const version = etag !== undefined && !etag.startsWith("W/") ? etag : modified;
  const headers: Record<string, string> =
    version === undefined ? {} : { range: `bytes=${position}-`, "if-range": version };
  const reply = await ask(options, headers, budget);
  if (position === 0 || (reply.headers["content-range"] ?? "").startsWith(`bytes ${position}-`)) return reply;
  reply.destroy();
  const message = `The download of ${describeUrl(options.url)} broke off, and its server cannot go on from there.`;
  throw new JobFailure("download_interrupted", message, { retryable: true });
}

/** Sends one GET until it is answered with 200 or 206. */
async function ask(options: DownloadOptions, headers: Record<string, string>, budget: RetryBudget) {
  for (;;) {
    const reply = await fetchPublic(options.url, { ...options, headers }).catch((error: unknown) => {
      options.signal.throwIfAborted();
      if (error instanceof JobFailure) throw error;
      return error;
    });
    if (!isReply(reply)) {
      await budget.spend(reply);
      continue;
    }
    const { statusCode: status = 0 } = reply;
    if (status === 200 || status === 206) return reply;
    reply.destroy();
    if (status !== 408 && status !== 429 && status < 500) throw refused(options.url, status);
    const asked = parseRetryAfter(reply.headers["retry-after"], RETRY_AFTER_CAP_SECONDS);
    await budget.spend(new Error(`status ${status}`), asked);
  }
}

function isReply(reply: unknown): reply is IncomingMessage {
  return reply instanceof Object && "statusCode" in reply;
}

function nameOf(url: string, { headers }: IncomingMessage): string {
  const [, quoted, bare] = /filename="([^"]+)"|filename=([^;\s]+)/i.exec(headers["content-disposition"] ?? "") ?? [];
  const path = new URL(url).pathname.split("/").at(-1) ?? "";
  return quoted ?? bare ?? (decode(path) || "data");
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function refused(url: string, status: number): JobFailure {
  if (status === 404 || status === 410)
    return new JobFailure("data_not_found", `There is nothing at ${describeUrl(url)} (${status}).`);
  const message = `The server of ${describeUrl(url)} refuses the job (${status}). Give a URL that anybody can read.`;
  return new JobFailure("data_unreachable", message);
}

function giveUp(url: string, cause: unknown, retryAfterSeconds: number | null): JobFailure {
  const why = cause instanceof Error ? cause.message : String(cause);
  const message = `The download of ${describeUrl(url)} keeps failing (${why}).`;
  return new JobFailure("download_interrupted", message, { retryable: true, retryAfterSeconds, cause });
}

function tooLarge(url: string): JobFailure {
  const message = `Cannot split ${describeUrl(url)}: it is larger than ${MAX_DATA_BYTES / 1024 ** 3} GiB.`;
  return new JobFailure("data_too_large", message);
}
