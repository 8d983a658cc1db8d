import type { IncomingMessage, ServerResponse } from "node:http";
import { toApiError } from "./api-error.ts";
import { NO_SUCH_KEY, sendBlobError, toBlobError, toUrlError } from "./blob-error.ts";
import { type Fault, findFault } from "./faults.ts";
import type { KaggleSite } from "./kaggle-site.ts";
import type { SeenRequest } from "./request-log.ts";
import { serveBlob } from "./serve-blob.ts";
import type { UrlVerdict } from "./signed-url.ts";

/** Answers a request to the bucket behind the signed URLs, or does what a fault asks. */
export async function handleBlob(
  site: KaggleSite,
  req: IncomingMessage,
  res: ServerResponse,
  asked: URL,
  seen: SeenRequest,
): Promise<void> {
  const blob = site.blobs.find(asked.pathname);
  seen.operation = "blob";
  seen.ref = blob?.ref;
  const faults = site.faults.take({ on: "blob", ref: seen.ref, rangeStart: rangeStartOf(req) });
  await site.line.delay(faults);
  const verdict = judge(site, req, asked, faults);
  if (!verdict.valid) return sendBlobError(res, toUrlError(verdict));
  const refusal = faults.map((fault) => toApiError(fault, "api")).find((error) => error !== undefined);
  if (refusal !== undefined) return sendBlobError(res, toBlobError(refusal));
  if (blob === undefined) return sendBlobError(res, NO_SUCH_KEY);
  await serveBlob(req, res, blob, { faults, bucket: site.line.newBucket(faults) });
}

function judge({ signer }: KaggleSite, req: IncomingMessage, asked: URL, faults: Fault[]): UrlVerdict {
  if (findFault(faults, "expired_url") !== undefined) return { valid: false, reason: "expired", expiredAt: new Date() };
  return signer.verify(req.method ?? "", asked);
}

function rangeStartOf(req: IncomingMessage): number | undefined {
  const start = /^bytes=(\d+)-/.exec(req.headers.range ?? "")?.[1];
  return start === undefined ? undefined : Number(start);
}
