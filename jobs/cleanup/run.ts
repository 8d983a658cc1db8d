import type { Bucket, File } from "@google-cloud/storage";
import { jobOf, runOf } from "../run-folder.ts";
import { isNotFound, isPreconditionFailed } from "../storage-failure.ts";

/** What Postgres knows about objects; all take and return at most a page. */
export interface ObjectRegister {
  /** Of these runs, those that may still need their folder. */
  listLiveRuns(runs: number[]): Promise<number[]>;
  /** Of these jobs, those that there are. */
  listKnownJobs(jobs: number[]): Promise<number[]>;
  /** Of these gs:// URLs, those that no dataset refers to. */
  listUnreferenced(urls: string[]): Promise<string[]>;
  /** Of these gs:// URLs, those that no job refers to. */
  listUnreferencedUploads(urls: string[]): Promise<string[]>;
}

export interface CleanupOptions {
  bucket: Bucket;
  register: ObjectRegister;
  now: Date;
  signal: AbortSignal;
  /** Counts each deletion as it happens. */
  onDeleted: (bytes: number) => void;
}

const DAY_MS = 24 * 3600 * 1000;
/** A folder is left alone for a day after its last object was written. */
const FOLDER_GRACE_MS = DAY_MS;
/** What nobody refers to any more may well be wanted again; moving it anew costs more than a week of keeping it. */
const OBJECT_GRACE_MS = 7 * DAY_MS;
const PAGE_SIZE = 500;

/** Deletes what nothing needs: folders of runs and jobs that are gone, archives and uploads that nothing refers to. */
export async function cleanUp(options: CleanupOptions): Promise<void> {
  const { register } = options;
  await cleanFolders(options, { prefix: "tmp/", idOf: runOf, listKept: register.listLiveRuns });
  await cleanFolders(options, { prefix: "jobs/", idOf: jobOf, listKept: register.listKnownJobs });
  await cleanReferenced(options, { prefix: "raw/", listUnreferenced: register.listUnreferenced });
  await cleanReferenced(options, { prefix: "uploads/", listUnreferenced: register.listUnreferencedUploads });
}

/** Folders that belong to something with an id, which may be gone. */
interface Folders {
  prefix: string;
  /** Undefined for an object that is in no such folder. */
  idOf: (objectName: string) => number | undefined;
  listKept: (ids: number[]) => Promise<number[]>;
}

async function cleanFolders(options: CleanupOptions, { prefix, idOf, listKept }: Folders): Promise<void> {
  const { bucket, now, signal, onDeleted } = options;
  for await (const files of listPages(bucket, prefix, signal)) {
    const old = files.filter((file) => isOlder(file, FOLDER_GRACE_MS, now));
    const ids = [...new Set(old.flatMap((file) => idOf(file.name) ?? []))];
    if (ids.length === 0) continue;
    const kept = new Set(await listKept(ids));
    const dead = old.filter((file) => {
      const id = idOf(file.name);
      return id !== undefined && !kept.has(id);
    });
    await deleteUnchanged(dead, onDeleted);
  }
}

/** Objects that rows refer to by their gs:// URLs, or no longer do. */
interface Referenced {
  prefix: string;
  listUnreferenced: (urls: string[]) => Promise<string[]>;
}

async function cleanReferenced(options: CleanupOptions, { prefix, listUnreferenced }: Referenced): Promise<void> {
  const { bucket, now, signal, onDeleted } = options;
  for await (const files of listPages(bucket, prefix, signal)) {
    const old = new Map(
      files
        .filter((file) => isOlder(file, OBJECT_GRACE_MS, now))
        .map((file) => [`gs://${bucket.name}/${file.name}`, file]),
    );
    if (old.size === 0) continue;
    const unreferenced = await listUnreferenced([...old.keys()]);
    await deleteUnchanged(
      unreferenced.flatMap((url) => old.get(url) ?? []),
      onDeleted,
    );
  }
}

async function* listPages(bucket: Bucket, prefix: string, signal: AbortSignal): AsyncGenerator<File[]> {
  let pageToken: string | undefined;
  do {
    signal.throwIfAborted();
    const [files, next] = await bucket.getFiles({ prefix, autoPaginate: false, maxResults: PAGE_SIZE, pageToken });
    yield files;
    pageToken = next !== null && "pageToken" in next ? String(next.pageToken) : undefined;
  } while (pageToken !== undefined);
}

/** Whether an object was neither written, changed nor used for so long. */
function isOlder({ metadata }: File, graceMs: number, now: Date): boolean {
  const times = [metadata.timeCreated, metadata.updated, metadata.customTime].map((time) => Date.parse(time ?? ""));
  const last = Math.max(...times.filter((time) => !Number.isNaN(time)));
  return now.getTime() - last > graceMs;
}

/**
 * Deletes objects as they were listed. One that was used again since has a new metageneration, so that the precondition
 * fails and it stays: a run that reuses an archive and this job cannot both win.
 */
async function deleteUnchanged(files: File[], onDeleted: (bytes: number) => void): Promise<void> {
  for (const file of files) {
    const { generation, metageneration, size } = file.metadata;
    try {
      await file.delete({ ifGenerationMatch: generation, ifMetagenerationMatch: metageneration });
      onDeleted(Number(size ?? 0));
    } catch (error) {
      if (!isNotFound(error) && !isPreconditionFailed(error)) throw error;
    }
  }
}
