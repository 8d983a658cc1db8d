import type { IncomingMessage } from "node:http";
import { type GoogHash, parseGoogHash } from "../../shared/cloud/goog-hash.ts";

/** What an archive is, by its own headers; all replies must agree on it. */
export interface Archive extends GoogHash {
  bytes: number;
  /** Changes whenever the content does. */
  identity: string;
  /** Without it, the archive is one stream that begins at its start. */
  ranged: boolean;
}

/** Reads the headers of a 200 or 206; undefined where they do not say how long the archive is. */
export function describeArchive({ statusCode, headers }: IncomingMessage): Archive | undefined {
  const range = parseContentRange(headers["content-range"]);
  const length = headers["content-length"];
  const bytes = statusCode === 206 ? range?.total : length === undefined ? undefined : Number(length);
  if (bytes === undefined || !Number.isSafeInteger(bytes)) return undefined;
  const generation = headers["x-goog-generation"];
  return {
    bytes,
    identity: String(generation ?? headers.etag ?? headers["last-modified"] ?? ""),
    ranged: statusCode === 206,
    ...parseGoogHash(String(headers["x-goog-hash"] ?? "")),
  };
}

/** Where the body of a reply begins in the archive. */
export function startOf({ statusCode, headers }: IncomingMessage): number {
  return statusCode === 206 ? (parseContentRange(headers["content-range"])?.start ?? 0) : 0;
}

function parseContentRange(header: string | undefined): { start: number; total: number } | undefined {
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(header ?? "") ?? [];
  return start === undefined || total === undefined ? undefined : { start: Number(start), total: Number(total) };
}
