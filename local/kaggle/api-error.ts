import type { Fault } from "./faults.ts";

/** The two spellings of the API's errors: www.kaggle.com (REST) and api.kaggle.com (RPC). */
export type Dialect = "www" | "api";

/** A refusal on its way to the client. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly body: unknown;
  readonly headers: Record<string, string>;

  constructor(status: number, message: string, options: { body?: unknown; headers?: Record<string, string> } = {}) {
    super(message);
    this.status = status;
    this.body = options.body ?? { code: status, message };
    this.headers = options.headers ?? {};
  }
}

export const unauthorized = () => new ApiError(401, "Unauthorized");
export const notFound = () => new ApiError(404, "Not found");

/** The refusal that a fault asks for, unless it is of another kind. */
export function toApiError(fault: Fault, dialect: Dialect): ApiError | undefined {
  switch (fault.kind) {
    case "unauthorized":
      return unauthorized();
    case "consent_required":
      return new ApiError(403, "You must accept this dataset's terms before you'll be able to download files.");
    case "not_found":
      return notFound();
    case "rate_limited":
      return rateLimited(fault.body ?? dialect, retryAfterHeader(fault.retryAfter));
    case "server_error":
      return new ApiError(fault.status, "The service is unavailable", { headers: retryAfterHeader(fault.retryAfter) });
    default:
      return undefined;
  }
}

/** Bodies as reported in Kaggle/kaggle-cli issues 132 (www) and 931 (api). */
function rateLimited(dialect: Dialect, headers: Record<string, string>): ApiError {
  if (dialect === "www") return new ApiError(429, "TooManyRequests", { headers });
  const body = { error: { code: 429, message: "Too many requests", status: "RESOURCE_EXHAUSTED" } };
  return new ApiError(429, "Too many requests", { headers, body });
}

function retryAfterHeader(retryAfter: number | string | undefined): Record<string, string> {
  return retryAfter === undefined ? {} : { "retry-after": String(retryAfter) };
}
