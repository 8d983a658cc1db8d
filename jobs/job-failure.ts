import type { ErrorCode } from "../shared/errors.ts";

/**
 * Why a run failed: a code for machines, a message for the project's owner, and whether trying again can help. The
 * message promises nothing: Postgres knows whether another attempt follows, and says so.
 */
export class JobFailure extends Error {
  override readonly name = "JobFailure";
  readonly code: ErrorCode;
  readonly retryable: boolean;
  /** The earliest moment that a retry makes sense, in seconds from now; null leaves it to the backoff. */
  readonly retryAfterSeconds: number | null;

  constructor(
    code: ErrorCode,
    message: string,
    options: { retryable?: boolean; retryAfterSeconds?: number | null; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
  }
}
