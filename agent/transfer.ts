import { createWriteStream, openAsBlob } from "node:fs";
import { pipeline } from "node:stream/promises";
import { parseRetryAfter } from "../shared/cloud/retry-after.ts";
import { isTransient, Refusal } from "./api-client.ts";
import { Backoff } from "./backoff.ts";

const MAX_TRIES = 6;
const LONGEST_ASKED_SECONDS = 60;

/** Why a file did not get here or there, without its URL's query: that is as good as a password. */
export class TransferFailure extends Error {
  override readonly name = "TransferFailure";
}

/** What the other side answered; another try may help. */
class BadAnswer extends Error {
  readonly status: number;
  readonly retryAfterSeconds: number | undefined;

  constructor({ status, headers }: Response) {
    super(`answered ${status}`);
    this.status = status;
    this.retryAfterSeconds = parseRetryAfter(headers.get("retry-after"), LONGEST_ASKED_SECONDS);
  }
}

export interface Download {
  url: string;
  path: string;
  maxBytes: number;
  signal: AbortSignal;
}

/** Streams a file from a URL to a path, again from its start when it breaks off; rejects with a TransferFailure. */
export async function downloadFile(download: Download): Promise<void> {
  const { url, maxBytes, signal } = download;
  if (!/^https?:/.test(url)) throw new TransferFailure(`Cannot download ${bare(url)}: only http and https are spoken.`);
  await insist("download", url, signal, async () => {
    const response = await fetch(url, { signal });
    if (!response.ok || response.body === null) throw await discard(response);
    if (Number(response.headers.get("content-length")) > maxBytes) {
      await response.body.cancel();
      throw tooLarge(url, maxBytes);
    }
    let left = maxBytes;
    const gauge = async function* (source: AsyncIterable<Uint8Array>) {
      for await (const bytes of source) {
        left -= bytes.length;
        if (left < 0) throw tooLarge(url, maxBytes);
        yield bytes;
      }
    };
    await pipeline(response.body, gauge, createWriteStream(download.path), { signal });
  });
}

export interface UploadTarget {
  url: string;
  method: string;
  headers: Record<string, string>;
}

/** Uploads a file to where `authorize` says, asked anew for each try; rejects with a TransferFailure. */
export async function uploadFile<T extends UploadTarget>(
  path: string,
  authorize: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const file = await openAsBlob(path);
  return await insist("upload", path, signal, async () => {
    const target = await authorize();
    const { method, headers } = target;
    const response = await fetch(target.url, { method, headers, body: file, signal });
    // A precondition that fails tells that an earlier try, whose answer was lost, got there.
    if (!response.ok && response.status !== 412) throw await discard(response);
    await response.body?.cancel();
    return target;
  });
}

async function insist<T>(verb: string, what: string, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  const backoff = new Backoff();
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TransferFailure || error instanceof Refusal) throw error;
      // The address of an upload is a new one each time; that of a download was given once.
      const isFinal = verb === "download" && error instanceof BadAnswer && !isTransient(error.status);
      if (isFinal || tries === MAX_TRIES) throw new TransferFailure(`Cannot ${verb} ${bare(what)}`, { cause: error });
      await backoff.wait(signal, error instanceof BadAnswer ? error.retryAfterSeconds : undefined);
    }
  }
}

async function discard(response: Response): Promise<BadAnswer> {
  await response.body?.cancel();
  return new BadAnswer(response);
}

function tooLarge(url: string, maxBytes: number): TransferFailure {
  return new TransferFailure(`Cannot download ${bare(url)}: it has more than ${maxBytes} bytes.`);
}

/** A URL without its query, or the last part of a path. */
function bare(what: string): string {
  return URL.canParse(what) ? what.replace(/[?#].*$/s, "") : (what.split("/").pop() ?? "");
}
