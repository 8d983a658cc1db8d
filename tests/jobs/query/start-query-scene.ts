import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Storage } from "@google-cloud/storage";
import { buildJobs } from "../../../jobs/build.ts";
import { ChildPool } from "../../../jobs/query/child-pool.ts";
import { type ChildOptions, QueryChild } from "../../../jobs/query/child-process.ts";
import { executeQuery } from "../../../jobs/query/execute-query.ts";
import { SnapshotCache } from "../../../jobs/query/snapshot-cache.ts";
import { createBucket } from "../../../local/create-bucket.ts";
import { loadKeys } from "../../../local/keys.ts";
import { startStorage } from "../../../local/storage/start-storage.ts";
import type { ClaimedQuery, QuerySnapshot } from "../../../shared/db/query-task.ts";
import { storeSnapshot } from "./store-snapshot.ts";

const BUCKET = "query-bucket";
export const SPOOL_BYTES = 48 * 1024 * 1024;
export const LIMITS = { seconds: 20, memoryMb: 256, rows: 100_000, bytes: 16 * 1024 * 1024 };

/** Everything that a query needs to run but the queue: snapshots in a bucket, a cache, and children. */
export async function startQueryScene() {
  const folder = await mkdtemp(join(tmpdir(), "corral-queries-"));
  const scratchDir = join(folder, "scratch");
  await mkdir(scratchDir);
  const storage = await startStorage({ port: 0, dir: join(folder, "storage"), ...(await loadKeys(folder)) });
  await createBucket(storage.url, BUCKET);
  const bucket = new Storage({ apiEndpoint: storage.url, projectId: "queries" }).bucket(BUCKET);
  const files = await buildJobs();
  const child = new URL("query-child.mjs", pathToFileURL(files.query));
  const options = { file: child, scratchDir, memoryMb: 512, cpuSeconds: 60 };
  const pool = new ChildPool({ ...options, size: 2, holders: 1, startsAtOnce: 2, log: () => undefined });
  const cache = new SnapshotCache({
    dir: join(folder, "cache"),
    maxBytes: 1024 ** 3,
    download: (path, to) => bucket.file(`snapshots/${path}/table.duckdb`).download({ destination: to }),
    derive: () => Promise.reject(new Error("no variant is expected here")),
    onRemove: (key) => pool.forget(key),
  });
  const deps = { children: pool, cache, bucket, scratchDir, maxMemoryMb: 512, threads: 2, maxSpoolBytes: SPOOL_BYTES };
  let count = 0;

  return {
    bucket,
    scratchDir,
    childFile: child,
    spawnChild: (others: Partial<ChildOptions> = {}) => QueryChild.spawn({ ...options, ...others }),

    /** A snapshot in the bucket, of what a SELECT makes. */
    async addTable(schema: string, table: string, select: string): Promise<QuerySnapshot> {
      const version = `00000000${count++}-abcd`;
      const path = [schema, table, version].map(encodeURIComponent).join("/");
      const { sizeBytes } = await storeSnapshot(bucket, path, select);
      return { schema, table, version, folder: path, sizeBytes, hiddenColumns: [], maskedColumns: [], variant: null };
    },

    run(query: Partial<ClaimedQuery>, signal: AbortSignal = new AbortController().signal) {
      const id = query.id ?? `query-${count++}`;
      const task = {
        attempt: 1,
        sql: "SELECT 1",
        parameters: null,
        format: "json" as const,
        limits: LIMITS,
        snapshots: [],
      };
      return executeQuery({ ...task, ...query, id }, deps, signal);
    },

    /** An object as text. */
    async read(object: string): Promise<string> {
      const [content] = await bucket.file(object).download();
      return content.toString();
    },

    async close() {
      await Promise.all([pool.close(), cache.close(), storage.close()]);
      await rm(folder, { recursive: true });
    },
  };
}

export type QueryScene = Awaited<ReturnType<typeof startQueryScene>>;
