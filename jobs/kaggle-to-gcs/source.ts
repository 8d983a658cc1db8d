import type { IncomingMessage } from "node:http";
import type { Writable } from "node:stream";
import { parseRetryAfter } from "../../shared/cloud/retry-after.ts";
import { JobFailure } from "../job-failure.ts";
import { RetryBudget } from "../retry-budget.ts";
import { type Archive, describeArchive, startOf } from "./archive-reply.ts";
import type { HttpClient } from "./http-client.ts";
import { pump } from "./pump.ts";
import { SignedUrl } from "./signed-url.ts";

export interface SourceDeps {
  http: HttpClient;
  /** Asks Kaggle for a signed URL of the archive; called again whenever the last one is refused. */
  requestUrl: () => Promise<URL>;
  /** Ends everything; single calls may be ended earlier by their own. */
  signal: AbortSignal;
}

export interface CopyOptions {
  /** Counts what the sink was given, chunk by chunk. */
  onBytes: (count: number) => void;
  signal: AbortSignal;
}

/** A body on its way, and what it will bring: bytes from `position` to `end`. */
interface OpenReply {
  reply: IncomingMessage;
  position: number;
  end: number;
}

const RETRY_AFTER_CAP_SECONDS = 3600;
/** Statuses of a signed URL past its time, or of one that never was allowed; new ones tell which. */
const REFUSED = [400, 401, 403, 404, 410];
const MAX_REFUSALS = 3;

/** Kaggle's archive of one dataset version, behind signed URLs that expire and connections that break. */
export class Source {
  readonly #deps: SourceDeps;
  readonly #url: SignedUrl;
  #archive: Archive | undefined;
  #parked: OpenReply | undefined;

  constructor(deps: SourceDeps) {
    this.#deps = deps;
    this.#url = new SignedUrl(deps.requestUrl);
  }

  /** Gets the first URL, for callers who have something else to do meanwhile. */
  async prepare(): Promise<void> {
    await this.#url.current();
  }

  /** Asks what the archive is. An eager probe also begins to read it, which saves the first part a round trip. */
  async probe({ eager }: { eager: boolean }): Promise<Archive> {
    const { signal } = this.#deps;
    const reply = await this.#get(eager ? "bytes=0-" : "bytes=0-0", newBudget(signal), signal);
    const archive = describeArchive(reply);
    if (archive === undefined) throw unexpected(reply, "does not say how long the archive is");
    this.#archive = archive;
    if (eager || !archive.ranged) this.#parked = { reply, position: 0, end: archive.bytes };
    else reply.resume();
    return archive;
  }

  /**
   * Streams bytes [start, end) into the sink. Whatever breaks on the way is taken up where it broke, with a new URL
   * if the old one expired, so the sink sees each byte once. Rejects with a JobFailure, or with what the sink threw.
   */
  async copy(start: number, end: number, sink: Writable, { onBytes, signal }: CopyOptions): Promise<void> {
    const budget = newBudget(signal);
    let position = start;
    while (position < end) {
      const open = await this.#openAt(position, end, budget, signal);
      const moved = await pump(open.reply, sink, end - position, { onBytes, signal });
      position += moved.bytes;
      if (moved.bytes > 0) budget.renew();
      if (moved.complete) this.#leave({ ...open, position });
      else await recover(open.reply, moved.error, budget);
    }
  }

  /** Stops reading ahead. */
  close(): void {
    this.#parked?.reply.destroy();
    this.#parked = undefined;
  }

  async #openAt(position: number, end: number, budget: RetryBudget, signal: AbortSignal): Promise<OpenReply> {
    for (;;) {
      const open = this.#takeParked(position) ?? (await this.#openFresh(position, end, budget, signal));
      if (open.position > position) throw unexpected(open.reply, `begins at byte ${open.position}, not ${position}`);
      // A source without ranges begins too early: what is already stored is dropped.
      const skipped = await pump(open.reply, undefined, position - open.position, { signal });
      if (skipped.complete) return { ...open, position };
      await recover(open.reply, skipped.error, budget);
    }
  }

  async #openFresh(position: number, end: number, budget: RetryBudget, signal: AbortSignal): Promise<OpenReply> {
    const ranged = this.#archive?.ranged ?? true;
    const reply = await this.#get(ranged ? `bytes=${position}-${end - 1}` : "bytes=0-", budget, signal);
    const now = describeArchive(reply);
    if (now === undefined || now.bytes !== this.#archive?.bytes || now.identity !== this.#archive.identity) {
      reply.destroy();
      throw changed();
    }
    return { reply, position: startOf(reply), end: reply.statusCode === 206 ? end : now.bytes };
  }

  #takeParked(position: number): OpenReply | undefined {
    const parked = this.#parked;
    if (parked === undefined) return undefined;
    const fits = this.#archive?.ranged ? parked.position === position : parked.position <= position;
    if (!fits) return undefined;
    this.#parked = undefined;
    return parked;
  }

  /** One stream is kept for its next part; a range that was read to its end frees its connection for the next. */
  #leave(open: OpenReply): void {
    if (open.position === open.end) open.reply.resume();
    else if (this.#archive?.ranged) open.reply.destroy();
    else this.#parked = open;
  }

  /** Sends one ranged GET until it is answered with 200 or 206. */
  async #get(range: string, budget: RetryBudget, signal: AbortSignal): Promise<IncomingMessage> {
    let refusals = 0;
    for (;;) {
      const url = await this.#url.current();
      const reply = await this.#send(url, range, budget, signal);
      if (reply === undefined) continue;
      const status = reply.statusCode ?? 0;
      if (status === 200 || status === 206) return reply;
      reply.resume();
      if (REFUSED.includes(status)) {
        if (++refusals >= MAX_REFUSALS) throw refused(status);
        await this.#url.drop(url);
      } else if (status === 408 || status === 429 || status >= 500) {
        const asked = parseRetryAfter(reply.headers["retry-after"], RETRY_AFTER_CAP_SECONDS);
        await budget.spend(new StatusError(status), asked);
      } else throw status === 416 ? changed() : unexpected(reply, `answers with ${status}`);
    }
  }

  async #send(url: URL, range: string, budget: RetryBudget, signal: AbortSignal): Promise<IncomingMessage | undefined> {
    try {
      return await this.#deps.http.get(url, { range, "accept-encoding": "identity" }, signal);
    } catch (error) {
      await budget.spend(error);
      return undefined;
    }
  }
}

async function recover(reply: IncomingMessage, error: Error | undefined, budget: RetryBudget): Promise<void> {
  reply.destroy();
  await budget.spend(error ?? new Error("Kaggle ended the download before its end"));
}

function newBudget(signal: AbortSignal): RetryBudget {
  return new RetryBudget(signal, (cause, retryAfterSeconds) => {
    const options = { retryable: true, retryAfterSeconds, cause };
    if (cause instanceof StatusError && cause.status === 429)
      return new JobFailure("kaggle_rate_limited", "Kaggle limits how much may be downloaded.", options);
    const why = cause instanceof Error ? cause.message : String(cause);
    return new JobFailure("download_interrupted", `The download from Kaggle keeps breaking off (${why}).`, options);
  });
}

class StatusError extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`status ${status}`);
    this.status = status;
  }
}

function refused(status: number): JobFailure {
  if (status === 404 || status === 410)
    return new JobFailure(
      "kaggle_archive_missing",
      "Kaggle lists this dataset but has no archive of it. Choose another one.",
    );
  return new JobFailure(
    "kaggle_forbidden",
    `Kaggle refuses the download (${status}). Accept the dataset's terms on kaggle.com, or check that your account may see it.`,
  );
}

function changed(): JobFailure {
  const message = "The dataset changed on Kaggle during the download.";
  return new JobFailure("source_changed", message, { retryable: true });
}

function unexpected(reply: IncomingMessage, what: string): JobFailure {
  reply.destroy();
  return new JobFailure("kaggle_unexpected_reply", `Kaggle's download server ${what}.`, { retryable: true });
}
