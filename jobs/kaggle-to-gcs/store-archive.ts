import type { Bucket, File, FileMetadata } from "@google-cloud/storage";
import { combineCrc32c, encodeCrc32c } from "../../shared/cloud/crc32c.ts";
import { JobFailure } from "../job-failure.ts";
import { deleteObjects, listFolder } from "../run-folder.ts";
import { callStorage } from "../storage-failure.ts";
import type { Archive } from "./archive-reply.ts";
import { composeParts } from "./compose-parts.ts";
import { proveContent, requireChecksum } from "./prove-content.ts";
import { requireSize } from "./size-limit.ts";
import type { Source } from "./source.ts";
import { archiveName, findObject, holdsArchive, touch } from "./stored-archive.ts";
import { transferParts } from "./transfer-parts.ts";

export interface StoreArchiveOptions {
  ref: string;
  version: number;
  bucket: Bucket;
  source: Source;
  /** Folder of this run's objects, with a slash at its end; empty afterwards. */
  folder: string;
  connections: number;
  partBytes?: number | undefined;
  maxBytes: number;
  md5Worker: URL;
  watch: ArchiveWatch;
  signal: AbortSignal;
}

/** Told what happens to an archive, as it happens. */
export interface ArchiveWatch {
  onTransfer(totalBytes: number): Promise<void>;
  /** Bytes that an earlier attempt left. */
  onFound(count: number): void;
  /** Negative when bytes have to be moved again. */
  onBytes(count: number): void;
  onProof(): void;
  onCompose(): void;
}

export interface StoredArchive {
  url: string;
  bytes: number;
  crc32c: string;
  md5: string | null;
  /** The bucket held it already; nothing was moved. */
  reused: boolean;
}

/** Other runs may write, or clean up, the same object meanwhile. */
const MAX_ROUNDS = 4;
/** The checksum of no bytes at all, to which the parts' are joined. */
const EMPTY_CRC32C = encodeCrc32c(0);

/**
 * Makes the bucket hold an archive of Kaggle's, proven to be what Kaggle promised, and nothing in the run's folder.
 * Every step may run again: parts are found by name, and the object appears whole or not at all.
 */
export async function storeArchive(options: StoreArchiveOptions): Promise<StoredArchive> {
  const { bucket, source, folder } = options;
  const file = bucket.file(archiveName(options.ref, options.version));
  let [stored, temporary] = await Promise.all([
    findObject(bucket, file.name),
    callStorage(bucket, () => listFolder(bucket, folder)),
    source.prepare(),
  ]);
  const archive = await source.probe({ eager: stored === undefined });
  requireChecksum(archive);
  requireSize(options.ref, archive.bytes, options.maxBytes);

  let known = archive;
  let reused = true;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (stored === undefined) {
      const moved = await moveArchive(archive, file, temporary, options);
      // From here on also an archive of which Kaggle tells only an MD5 is known by its CRC32C.
      known = { ...archive, crc32c: moved.crc32c };
      temporary = moved.temporary;
      reused = moved.object === undefined;
      stored = moved.object ?? (await findObject(bucket, file.name));
    }
    if (stored === undefined) {
      temporary = await callStorage(bucket, () => listFolder(bucket, folder));
      continue;
    }
    await requireSameBytes(known, stored, file, options);
    const [used] = await Promise.all([
      touch(file, stored, toNotes(options, archive)),
      callStorage(bucket, () => deleteObjects(temporary)),
    ]);
    const { bytes, md5 = null } = archive;
    if (used) return { url: toUrl(file), bytes, crc32c: stored.crc32c ?? "", md5, reused };
    temporary = [];
    stored = undefined;
  }
  const message = `${toUrl(file)} keeps changing while it is stored.`;
  throw new JobFailure("storage_contended", message, { retryable: true });
}

/** Moves the bytes, proves them, and joins them; `object` is undefined when somebody else was faster. */
async function moveArchive(archive: Archive, file: File, leftovers: File[], options: StoreArchiveOptions) {
  const { bucket, watch } = options;
  await watch.onTransfer(archive.bytes);
  const { onFound, onBytes } = watch;
  const parts = await transferParts(archive, { ...options, leftovers, onFound, onBytes });
  const files = parts.map((part) => part.file);
  const crc32c = parts.reduce(
    (joined, part) => combineCrc32c(joined, part.crc32c, part.end - part.start),
    EMPTY_CRC32C,
  );
  watch.onProof();
  try {
    await proveContent(archive, crc32c, files, options);
  } catch (error) {
    if (error instanceof JobFailure && error.code === "checksum_mismatch")
      await callStorage(bucket, () => deleteObjects(files));
    throw error;
  }
  watch.onCompose();
  const { object, groups } = await composeParts(bucket, files, file);
  return { crc32c, object, temporary: [...files, ...groups] };
}

/** Refuses to point at an object that holds anything else than this archive. */
async function requireSameBytes(archive: Archive, stored: FileMetadata, file: File, options: StoreArchiveOptions) {
  if (await holdsArchive(archive, stored, file, options)) return;
  throw new JobFailure(
    "object_conflict",
    `Cannot store ${options.ref}: ${toUrl(file)} holds other bytes than Kaggle offers for this version. Delete it if nobody needs it, then try again.`,
  );
}

function toNotes({ ref, version }: StoreArchiveOptions, { md5 }: Archive): Record<string, string> {
  return { kaggle_ref: ref, kaggle_version: String(version), ...(md5 === undefined ? {} : { md5 }) };
}

function toUrl(file: File): string {
  return `gs://${file.bucket.name}/${file.name}`;
}
