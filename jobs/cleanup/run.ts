import type { Bucket, File } from "@google-cloud/storage";
import { sealOf } from "../../shared/audit/anchor-object.ts";
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
  /** Of these folders below snapshots/, those of no snapshot and of no sync that is under way. */
  listUnreferencedSnapshots(folders: string[]): Promise<string[]>;
  /** Of these objects, those of no artifact. */
  listUnreferencedArtifacts(objects: string[]): Promise<string[]>;
  /** Of these queries, those that are forgotten. */
  listForgottenQueries(queries: string[]): Promise<string[]>;
  /** Of these seals of the audit trail, those that are forgotten. */
  listForgottenSeals(seals: number[]): Promise<number[]>;
}

export interface CleanupOptions {
  bucket: Bucket;
  register: ObjectRegister;
  now: Date;
  signal: AbortSignal;
  /** Counts each deletion as it happens. */
  onDeleted: (bytes: number) => void;
}

/** An object is left alone for so long after it was last written, so that nobody's work in progress is lost. */
const DAY_MS = 24 * 3600 * 1000;
/** What nobody refers to any more may well be wanted again; moving it anew costs more than a week of keeping it. */
const WEEK_MS = 7 * DAY_MS;
/** As long as the audit trail is kept unless the settings say otherwise: they tell whether its beginning was cut off. */
const HEADS_MS = 90 * DAY_MS;
const PAGE_SIZE = 500;

/** Deletes what nothing needs: what belongs to runs, jobs, snapshots, queries and the like that are gone. */
export async function cleanUp(options: CleanupOptions): Promise<void> {
  for (const area of areasOf(options)) await cleanArea(options, area);
}

/** Objects under a prefix, each of which belongs to something with a name or number of its own. */
interface Area {
  prefix: string;
  graceMs: number;
  /** Undefined for an object that is left alone. */
  keyOf: (objectName: string) => string | undefined;
  /** Of these, those whose objects nothing needs. */
  listDead: (keys: string[]) => Promise<string[]>;
}

function areasOf({ bucket, register }: CleanupOptions): Area[] {
  const urlOf = (name: string) => `gs://${bucket.name}/${name}`;
  const runKey = (name: string) => runOf(name)?.toString();
  const jobKey = (name: string) => jobOf(name)?.toString();
  const listDeadSeals = async (keys: string[]) => (await register.listForgottenSeals(keys.map(Number))).map(String);
  return [
    { prefix: "tmp/", graceMs: DAY_MS, keyOf: runKey, listDead: without(register.listLiveRuns) },
    { prefix: "jobs/", graceMs: DAY_MS, keyOf: jobKey, listDead: without(register.listKnownJobs) },
    { prefix: "raw/", graceMs: WEEK_MS, keyOf: urlOf, listDead: register.listUnreferenced },
    { prefix: "uploads/", graceMs: WEEK_MS, keyOf: urlOf, listDead: register.listUnreferencedUploads },
    { prefix: "snapshots/", graceMs: DAY_MS, keyOf: snapshotKey, listDead: register.listUnreferencedSnapshots },
    { prefix: "artifacts/", graceMs: DAY_MS, keyOf: (name) => name, listDead: register.listUnreferencedArtifacts },
    { prefix: "results/", graceMs: DAY_MS, keyOf: queryKey, listDead: register.listForgottenQueries },
    { prefix: "audit/", graceMs: HEADS_MS, keyOf: sealKey, listDead: listDeadSeals },
  ];
}

/** Turns what tells the living into what tells the dead. */
const without = (listKept: (ids: number[]) => Promise<number[]>) => async (keys: string[]) => {
  const kept = new Set((await listKept(keys.map(Number))).map(String));
  return keys.filter((key) => !kept.has(key));
};

const snapshotKey = (objectName: string) => /^snapshots\/([^/]+\/[^/]+\/[^/]+)\//.exec(objectName)?.[1];
const queryKey = (objectName: string) => /^results\/([\da-f-]{36})(?:-\d+)?\./.exec(objectName)?.[1];
const sealKey = (objectName: string) => sealOf(objectName)?.toString();

async function cleanArea(options: CleanupOptions, { prefix, graceMs, keyOf, listDead }: Area): Promise<void> {
  const { bucket, now, signal, onDeleted } = options;
  for await (const files of listPages(bucket, prefix, signal)) {
    const old = new Map<string, File[]>();
    for (const file of files) {
      const key = isOlder(file, graceMs, now) ? keyOf(file.name) : undefined;
      if (key !== undefined) old.set(key, [...(old.get(key) ?? []), file]);
    }
    if (old.size === 0) continue;
    const dead = await listDead([...old.keys()]);
    await deleteUnchanged(
      dead.flatMap((key) => old.get(key) ?? []),
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
