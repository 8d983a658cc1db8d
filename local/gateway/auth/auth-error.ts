/** A refusal in GoTrue's terms. */
export class AuthError extends Error {
  readonly status: number;
  readonly code: string;
  /** Why a password is too weak. */
  readonly reasons: string[] | undefined;

  constructor(status: number, code: string, message: string, reasons?: string[]) {
    super(message);
    this.status = status;
    this.code = code;
    this.reasons = reasons;
  }
}

const API_VERSION_HEADER = "x-supabase-api-version";
/** From this API version on, errors are `{code, message}`; clients that name none get the older body. */
const API_VERSION = "2024-01-01";

export function toErrorResponse(error: unknown, request: Headers): Response {
  const refusal =
    error instanceof AuthError
      ? error
      : new AuthError(500, "unexpected_failure", "Unexpected failure, please check server logs for more information");
  const isVersioned = (request.get(API_VERSION_HEADER) ?? "") >= API_VERSION;
  const weakPassword = refusal.reasons === undefined ? {} : { weak_password: { reasons: refusal.reasons } };
  const body = isVersioned
    ? { code: refusal.code, message: refusal.message, ...weakPassword }
    : { code: refusal.status, error_code: refusal.code, msg: refusal.message, ...weakPassword };
  return Response.json(body, {
    status: refusal.status,
    headers: {
      "x-sb-error-code": refusal.code,
      ...(isVersioned ? { [API_VERSION_HEADER]: API_VERSION } : {}),
    },
  });
}
