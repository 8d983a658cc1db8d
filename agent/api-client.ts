import { z } from "zod";
import { parseRetryAfter } from "../shared/cloud/retry-after.ts";
import { Backoff } from "./backoff.ts";
import { describeError, type Log } from "./log.ts";
import { withTimeout } from "./with-timeout.ts";

const REQUEST_TIMEOUT_MS = 60_000;
const LONGEST_ASKED_SECONDS = 300;

/** What a refusal is read for; a proxy on the way has its own shape. */
const refusal = z.object({ detail: z.unknown(), code: z.string().default("") });

/** What the server answered and meant: the same call again would be answered the same. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  /** The server's name for it; empty where it has none. */
  readonly code: string;

  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

/** No answer, or none that counts: another try may well succeed. */
export class Unanswered extends Error {
  override readonly name = "Unanswered";
  readonly retryAfterSeconds: number | undefined;

  constructor(message: string, options: ErrorOptions & { retryAfterSeconds?: number | undefined } = {}) {
    super(message, options);
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

export interface Call<T extends z.ZodType> {
  path: string;
  body: Record<string, unknown>;
  reply: T;
  token: string | null;
}

/** Until when a call may go on: `give` ends the waits between its tries, `cut` also a try that is under way. */
export interface CallLimits {
  giveUp: AbortSignal;
  cutOff: AbortSignal;
}

/** Speaks to one server over HTTP. */
export class ApiClient {
  readonly #url: string;
  readonly #log: Log;

  constructor(url: string, log: Log) {
    this.#url = url;
    this.#log = log;
  }

  /** Tries until there is an answer, however long that takes; rejects with the Refusal, or when it is told to stop. */
  async call<T extends z.ZodType>(call: Call<T>, limits: CallLimits): Promise<z.output<T>> {
    const backoff = new Backoff();
    for (;;) {
      limits.cutOff.throwIfAborted();
      try {
        return await this.try(call, limits.cutOff);
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error;
        limits.giveUp.throwIfAborted();
        this.#log("warn", "retry", `${call.path}: ${describeError(error)}; trying again`, { path: call.path });
        await backoff.wait(limits.giveUp, error.retryAfterSeconds);
      }
    }
  }

  /** Tries once; rejects with a Refusal or Unanswered. */
  async try<T extends z.ZodType>(
    { path, body, reply, token }: Call<T>,
    signal: AbortSignal,
    timeoutMs = REQUEST_TIMEOUT_MS,
  ): Promise<z.output<T>> {
    const post = (limited: AbortSignal) => this.#post(path, body, token, limited);
    const { response, text } = await withTimeout(signal, timeoutMs, post).catch((cause: unknown) => {
      signal.throwIfAborted();
      throw new Unanswered("no answer", { cause });
    });
    if (!response.ok) throw refuse(response, text);
    const parsed = reply.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    throw new Unanswered(`an answer that is none of ours (${describeIssue(parsed.error)})`);
  }

  async #post(path: string, body: Record<string, unknown>, token: string | null, signal: AbortSignal) {
    const response = await fetch(this.#url + path, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      signal,
    });
    return { response, text: await response.text() };
  }
}

/** Whether a status says that the same request may succeed later. */
export function isTransient(status: number): boolean {
  return status >= 500 || status === 429 || status === 408 || status === 425;
}

function refuse({ status, headers }: Response, text: string): Refusal | Unanswered {
  const { detail, code } = refusal.catch({ detail: text.slice(0, 200), code: "" }).parse(parseJson(text));
  const message = `${status} ${typeof detail === "string" ? detail : JSON.stringify(detail)}`;
  if (!isTransient(status)) return new Refusal(status, code, message);
  const retryAfterSeconds = parseRetryAfter(headers.get("retry-after"), LONGEST_ASKED_SECONDS);
  return new Unanswered(message, { retryAfterSeconds });
}

/** What the reply said stays out of logs: it may be a token. */
function describeIssue({ issues: [first] }: z.ZodError): string {
  return [first?.path.join("."), first?.message].filter(Boolean).join(": ");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
