import type { Bucket, File, FileMetadata } from "@google-cloud/storage";
import { isNotFound, isPreconditionFailed, toStorageFailure } from "../storage-failure.ts";
import type { Archive } from "./archive-reply.ts";
import { type ProofDeps, proveContent } from "./prove-content.ts";

/** Where an archive of this version lives for good. */
export function archiveName(ref: string, version: number): string {
  return `raw/${ref.replace("/", "_")}_v${version}.zip`;
}

/** The object's metadata; undefined when there is none. */
export async function findObject(bucket: Bucket, name: string): Promise<FileMetadata | undefined> {
  try {
    const [metadata] = await bucket.file(name).getMetadata();
    return metadata;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw toStorageFailure(error, bucket.name);
  }
}

/** Whether an object holds this archive; one of which no MD5 is known is read to find out. */
export async function holdsArchive(archive: Archive, stored: FileMetadata, file: File, deps: ProofDeps) {
  if (Number(stored.size) !== archive.bytes) return false;
  if (archive.crc32c !== undefined) return stored.crc32c === archive.crc32c;
  const known = stored.md5Hash ?? stored.metadata?.md5;
  if (known !== undefined) return known === archive.md5;
  await proveContent(archive, stored.crc32c ?? "", [file], deps);
  return true;
}

/**
 * Marks an object as used now and notes what it is. Resolves to false when that generation is gone: the cleanup job
 * deletes only what it saw unchanged, so of the two exactly one wins.
 */
export async function touch(file: File, seen: FileMetadata, notes: Record<string, string>): Promise<boolean> {
  // Cloud Storage refuses a custom time before the one that is set, and clocks differ.
  const customTime = new Date(Math.max(Date.now(), Date.parse(seen.customTime ?? "") || 0)).toISOString();
  try {
    await file.setMetadata({ customTime, metadata: notes }, { ifGenerationMatch: seen.generation });
    return true;
  } catch (error) {
    if (isNotFound(error) || isPreconditionFailed(error)) return false;
    throw toStorageFailure(error, file.bucket.name);
  }
}
