/** google.rpc.Code of the errors that Cloud Run's API answers with, and the HTTP status each travels under. */
const STATUSES = {
  INVALID_ARGUMENT: { code: 3, http: 400 },
  DEADLINE_EXCEEDED: { code: 4, http: 504 },
  NOT_FOUND: { code: 5, http: 404 },
  ALREADY_EXISTS: { code: 6, http: 409 },
  PERMISSION_DENIED: { code: 7, http: 403 },
  FAILED_PRECONDITION: { code: 9, http: 400 },
  ABORTED: { code: 10, http: 409 },
  UNIMPLEMENTED: { code: 12, http: 501 },
  INTERNAL: { code: 13, http: 500 },
  UNAUTHENTICATED: { code: 16, http: 401 },
} as const;

export type StatusName = keyof typeof STATUSES;

/** The `google.rpc.Code` number of a status. */
export const statusCode = (name: StatusName): number => STATUSES[name].code;

/** A refusal in Google's wording; `toResponse` gives it Google's shape. */
export class ApiError extends Error {
  readonly status: StatusName;

  constructor(status: StatusName, message: string) {
    super(message);
    this.status = status;
  }

  toResponse(): { http: number; body: unknown } {
    const { http } = STATUSES[this.status];
    return { http, body: { error: { code: http, message: this.message, status: this.status, details: [] } } };
  }
}
