/** How a query itself can fail; `shared/errors.ts` has what each means to a caller. */
export const QUERY_FAILURES = [
  "sql_error",
  "sql_not_allowed",
  "query_timeout",
  "query_memory",
  "result_too_large",
] as const;
export type QueryFailureCode = (typeof QUERY_FAILURES)[number];

/** Why a query has no result; the message is for whoever wrote it. */
export class QueryFailure extends Error {
  override readonly name = "QueryFailure";
  readonly code: QueryFailureCode;

  constructor(code: QueryFailureCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
