import type { Bucket, File } from "@google-cloud/storage";
import { runOf } from "../run-folder.ts";
import { isNotFound, isPreconditionFailed } from "../storage-failure.ts";

/** What Postgres knows about objects; all three take and return at most a page. */
export interface ObjectRegister {
  /** Of these runs, those that may still need their folder. */
  listLiveRuns(runs: number[]): Promise<number[]>;
  /** Of these gs:// URLs, those that no dataset refers to. */
  listUnreferenced(urls: string[]): Promise<string[]>;
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
const TMP_GRACE_MS = DAY_MS;
/** An archive that nobody refers to any more may well be wanted again; moving it anew costs more than a week of keeping it. */
const RAW_GRACE_MS = 7 * DAY_MS;
const PAGE_SIZE = 500;

/** Deletes what no run and no dataset needs: folders of runs that are over, and archives that nothing refers to. */
export async function cleanUp(options: CleanupOptions): Promise<void> {
  await cleanFolders(options);
  await cleanArchives(options);
}

async function cleanFolders({ bucket, register, now, signal, onDeleted }: CleanupOptions): Promise<void> {
  for await (const files of listPages(bucket, "tmp/", signal)) {
    const old = files.filter((file) => isOlder(file, TMP_GRACE_MS, now));
    const runs = [...new Set(old.flatMap((file) => runOf(file.name) ?? []))];
    if (runs.length === 0) continue;
    const live = new Set(await register.listLiveRuns(runs));
    const dead = old.filter((file) => {
      const run = runOf(file.name);
      return run !== undefined && !live.has(run);
    });
    await deleteUnchanged(dead, onDeleted);
  }
}

async function cleanArchives({ bucket, register, now, signal, onDeleted }: CleanupOptions): Promise<void> {
  for await (const files of listPages(bucket, "raw/", signal)) {
    const old = new Map(
      files
        .filter((file) => isOlder(file, RAW_GRACE_MS, now))
        .map((file) => [`gs://${bucket.name}/${file.name}`, file]),
    );
    if (old.size === 0) continue;
    const unreferenced = await register.listUnreferenced([...old.keys()]);
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
