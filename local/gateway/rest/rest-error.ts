/** PostgREST's error body; `code` is a SQLSTATE or one of its own `PGRST…` codes. */
export interface ErrorBody {
  code: string;
  message: string;
  details: string | null;
  hint: string | null;
}

/** A refusal with everything that goes over the wire. */
export class RestError extends Error {
  readonly status: number;
  readonly body: ErrorBody;
  readonly headers: Record<string, string>;

  constructor(status: number, body: Partial<ErrorBody> & Pick<ErrorBody, "code" | "message">, headers = {}) {
    super(body.message);
    this.status = status;
    this.body = { code: body.code, details: body.details ?? null, hint: body.hint ?? null, message: body.message };
    this.headers = headers;
  }
}

/** The request names something that the catalogue does not know; a fresh catalogue may. */
export class UnknownNameError extends RestError {}
