import { mkdir, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { openBucket } from "../../shared/cloud/storage.ts";
import { connectDb } from "../../shared/db/connect-db.ts";
import {
  claimQueries,
  completeQuery,
  failQuery,
  leaveQueue,
  returnQueries,
  watchQueries,
} from "../../shared/db/query-task.ts";
import { jobEnv, readEnv } from "../job-env.ts";
import { nativeCrc32c } from "../native-crc32c.ts";
import { persist } from "../persist.ts";
import { controlRun } from "../run-control.ts";
import { type JobContext, runJob } from "../run-job.ts";
import { downloadSnapshot } from "../snapshot/download-snapshot.ts";
import { ChildPool } from "./child-pool.ts";
import { executeQuery } from "./execute-query.ts";
import type { QueryListener } from "./listen-queries.ts";
import { Pause } from "./pause.ts";
import { containerMemory, planMemory } from "./plan-memory.ts";
import { drainQueue, QueryProgress } from "./run.ts";
import { openRunnerFolder } from "./runner-folder.ts";
import { SnapshotCache } from "./snapshot-cache.ts";

const count = z.coerce.number().int().min(1);

const queryEnv = jobEnv.extend({
  /** For how long the container waits for another query. */
  QUERY_IDLE_SECONDS: z.coerce.number().positive().default(60),
  /** How many queries run at a time; times QUERY_MEMORY_MB, and the runner's own, it must fit the container. */
  QUERY_CONCURRENCY: count.default(availableParallelism()),
  /** How many processes wait for a query. */
  QUERY_WARM_CHILDREN: count.optional(),
  /** What a query may have at most, whatever its token says; as much as the settings give everybody. */
  QUERY_MEMORY_MB: count.default(512),
  QUERY_THREADS: count.default(availableParallelism()),
  QUERY_CACHE_DIR: z.string().default(join(tmpdir(), "corral-query")),
  /** A quarter of the container's memory, of which its disk may be a part, when left out. */
  QUERY_CACHE_BYTES: count.optional(),
  /** Of a Postgres session, to be told of queries at once. */
  DATABASE_URL: z.url().optional(),
});

/** Whatever a query may take of one processor: beyond every token's limit of seconds. */
const MAX_CPU_SECONDS = 3600;
/** Between two looks at the queue; who is told of queries need not look as often. */
const LOOKING = { shortMs: 20, longMs: 250, quietMs: 3000 };
const LISTENING = { shortMs: 250, longMs: 1000, quietMs: 3000 };

/** Runs the attempt that the environment names; resolves to the process's exit code. */
export async function start(processEnv: NodeJS.ProcessEnv, terminated: AbortSignal): Promise<number> {
  const env = readEnv(queryEnv, processEnv);
  const { RUN_ID: run, RUN_ATTEMPT: attempt, QUERY_MEMORY_MB: memoryMb, QUERY_THREADS: threads } = env;
  const db = connectDb({ url: env.SUPABASE_URL, key: env.SUPABASE_SERVICE_ROLE_KEY });
  const bucket = openBucket({ name: env.STORAGE_BUCKET, endpoint: env.STORAGE_ENDPOINT, crc32c: nativeCrc32c });
  const progress = new QueryProgress();
  const log = (line: string) => void process.stdout.write(`${line}\n`);

  async function listen(onQuery: () => void): Promise<QueryListener | undefined> {
    if (env.DATABASE_URL === undefined) return undefined;
    const { listenQueries } = await import("./listen-queries.ts");
    return listenQueries(env.DATABASE_URL, onQuery, log);
  }

  async function work({ signal }: JobContext): Promise<void> {
    const dir = await openRunnerFolder(env.QUERY_CACHE_DIR);
    const scratchDir = join(dir, "scratch");
    await mkdir(scratchDir);
    const warmChildren = env.QUERY_WARM_CHILDREN ?? 4 * env.QUERY_CONCURRENCY;
    const { cacheBytes, maxSpoolBytes, warning } = planMemory(containerMemory(), {
      concurrency: env.QUERY_CONCURRENCY,
      memoryMb,
      warmChildren,
      cacheBytes: env.QUERY_CACHE_BYTES,
    });
    if (warning !== undefined) log(warning);
    if (process.platform !== "linux") log("here only DuckDB itself bounds a query's memory: the system cannot");
    const children = new ChildPool({
      file: new URL("query-child.mjs", import.meta.url),
      scratchDir,
      memoryMb,
      cpuSeconds: MAX_CPU_SECONDS,
      size: warmChildren,
      holders: env.QUERY_CONCURRENCY,
      startsAtOnce: availableParallelism(),
      log,
    });
    const cache = new SnapshotCache({
      dir: join(dir, "snapshots"),
      maxBytes: cacheBytes,
      download: (folder, path, stop) => downloadSnapshot({ bucket, folder: `snapshots/${folder}`, path, signal: stop }),
      async derive(from, to, { hiddenColumns: hidden, maskedColumns: masked }, stop) {
        // Whoever has no such grant need not wait for DuckDB here.
        const { deriveVariant } = await import("../snapshot/derive-variant.ts");
        await deriveVariant({ from, to, scratchDir, memoryMb, threads, hidden, masked, signal: stop });
      },
      onRemove: (key) => children.forget(key),
    });
    const pause = new Pause(env.DATABASE_URL === undefined ? LOOKING : LISTENING);
    const listener = await listen(() => pause.end());
    const deps = { children, cache, bucket, scratchDir, maxMemoryMb: memoryMb, threads, maxSpoolBytes };
    try {
      await drainQueue({
        queue: {
          claim: (limit) => claimQueries(db, run, attempt, limit),
          watch: (queries) => watchQueries(db, run, attempt, queries),
          complete: (query, result) => persist(() => completeQuery(db, run, attempt, query, result)),
          fail: (query, failure) => persist(() => failQuery(db, run, attempt, query, failure)),
          giveBack: (queries) => returnQueries(db, run, attempt, queries),
          leave: () => persist(() => leaveQueue(db, run, attempt)),
        },
        execute: (query, stop) => executeQuery(query, deps, stop),
        slots: env.QUERY_CONCURRENCY,
        idleSeconds: env.QUERY_IDLE_SECONDS,
        pause,
        progress,
        log,
        signal,
      });
      log(`left: ${progress.completed} queries completed, ${progress.failed} failed`);
    } finally {
      await Promise.all([listener?.close(), children.close(), cache.close()]);
      await rm(dir, { recursive: true, force: true });
    }
  }

  return runJob({
    control: controlRun(db, run, attempt, env.CLOUD_RUN_EXECUTION),
    terminated,
    snapshot: () => progress.snapshot(),
    work,
    log,
  });
}
