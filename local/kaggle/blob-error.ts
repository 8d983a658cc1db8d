import type { ServerResponse } from "node:http";
import type { ApiError } from "./api-error.ts";
import type { UrlVerdict } from "./signed-url.ts";

/** An error as the XML API of Cloud Storage words it. */
export interface BlobError {
  status: number;
  code: string;
  message: string;
  details?: string;
  headers?: Record<string, string>;
}

const CODES: Record<number, string> = {
  401: "AuthenticationRequired",
  403: "AccessDenied",
  404: "NoSuchKey",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
};

export const NO_SUCH_KEY: BlobError = { status: 404, code: "NoSuchKey", message: "The specified key does not exist." };

/** Why a signed URL does not open what it names. */
export function toUrlError(verdict: Exclude<UrlVerdict, { valid: true }>): BlobError {
  switch (verdict.reason) {
    case "expired":
      return {
        status: 400,
        code: "ExpiredToken",
        message: "The provided token has expired.",
        details: `Request signature expired at: ${verdict.expiredAt.toISOString().replace(/\.\d+Z$/, "+00:00")}`,
      };
    case "mismatch":
      return {
        status: 403,
        code: "SignatureDoesNotMatch",
        message: "Access denied.",
        details: "The request signature we calculated does not match the signature you provided.",
      };
    case "missing":
      return {
        status: 403,
        code: "AccessDenied",
        message: "Access denied.",
        details: "Anonymous caller does not have storage.objects.get access to the Google Cloud Storage object.",
      };
  }
}

/** A refusal that a fault asks of the bucket instead of the API. */
export function toBlobError({ status, message, headers }: ApiError): BlobError {
  return { status, code: CODES[status] ?? "InternalError", message, headers };
}

export function sendBlobError(res: ServerResponse, { status, code, message, details, headers = {} }: BlobError): void {
  const detail = details === undefined ? "" : `<Details>${details}</Details>`;
  const body = Buffer.from(
    `<?xml version='1.0' encoding='UTF-8'?><Error><Code>${code}</Code><Message>${message}</Message>${detail}</Error>`,
  );
  const head = { ...headers, "content-type": "application/xml; charset=UTF-8", "content-length": body.length };
  res.writeHead(status, head).end(body);
}
