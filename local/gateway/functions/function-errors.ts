import type { IncomingMessage, ServerResponse } from "node:http";

/** What the hosted platform answers in a function's place: https://supabase.com/docs/guides/functions/status-codes */
const ERRORS = {
  NOT_FOUND: { status: 404, message: "Requested function was not found" },
  METHOD_NOT_ALLOWED: { status: 405, message: "Functions take GET, POST, PUT, PATCH, DELETE and OPTIONS" },
  UNAUTHORIZED_NO_AUTH_HEADER: { status: 401, message: "Missing authorization header" },
  UNAUTHORIZED_INVALID_JWT: { status: 401, message: "Invalid JWT" },
  WORKER_ERROR: { status: 500, message: "Function exited due to an error (please check logs)" },
  BOOT_ERROR: { status: 503, message: "Function failed to start (please check logs)" },
  IDLE_TIMEOUT: { status: 504, message: "Function sent no response within the time limit" },
  WORKER_LIMIT: {
    status: 546,
    message: "Function failed due to not having enough compute resources (please check logs)",
  },
};

export type FunctionErrorCode = keyof typeof ERRORS;

/** Answers with a platform error, or breaks the connection when the function's answer has already begun. */
export function sendFunctionError(request: IncomingMessage, response: ServerResponse, code: FunctionErrorCode): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status, message } = ERRORS[code];
  const body = JSON.stringify({ code, message });
  const requestId = request.headers["x-request-id"];
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "access-control-allow-origin": "*",
    "sb-error-code": code,
    ...(requestId === undefined ? {} : { "x-request-id": requestId }),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}
