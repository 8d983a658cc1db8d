import { StorageError } from "./storage-error.ts";

/** Bytes `start` to `end`, exclusive. */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * Reads a Range header against a size. Undefined means the whole: no header, several ranges, or one that is malformed
 * (RFC 9110, 14.2, lets a server ignore those). Throws 416 when no byte is in range.
 */
export function readRange(header: string | undefined, size: number): ByteRange | undefined {
  const [, first = "", last = ""] = /^\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*$/i.exec(header ?? "") ?? [];
  if (first === "" && last === "") return undefined;
  if (first !== "" && last !== "" && Number(first) > Number(last)) return undefined;
  const start = first === "" ? Math.max(size - Number(last), 0) : Number(first);
  const end = first === "" || last === "" ? size : Math.min(Number(last) + 1, size);
  if (start >= end) {
    const message = `The requested range cannot be satisfied.`;
    throw new StorageError(416, "requestedRangeNotSatisfiable", "InvalidRange", message);
  }
  return { start, end };
}

/** What a request to a resumable upload carries, by its Content-Range header. */
export type UploadRange =
  /** Asks how much is stored; ends the upload when `total` is. */
  | { kind: "query"; total: number | undefined }
  /** Brings bytes from `start` on; `end` (exclusive) and `total` as far as they are known yet. */
  | { kind: "bytes"; start: number; end: number | undefined; total: number | undefined };

/** Reads a Content-Range header of an upload; no header means all bytes at once. Undefined when malformed. */
export function readUploadRange(header: string | undefined): UploadRange | undefined {
  if (header === undefined) return { kind: "bytes", start: 0, end: undefined, total: undefined };
  const match = /^\s*bytes\s+(?:(\d+)-(\d+|\*)|\*)\/(\d+|\*)\s*$/i.exec(header);
  if (match === null) return undefined;
  const [, first, last, all] = match;
  const total = all === "*" ? undefined : Number(all);
  if (first === undefined) return { kind: "query", total };
  const end = last === "*" ? undefined : Number(last) + 1;
  const start = Number(first);
  if (end !== undefined && (end <= start || (total !== undefined && end > total))) return undefined;
  return { kind: "bytes", start, end, total };
}
