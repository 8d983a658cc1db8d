import { createHash } from "node:crypto";
import type { Bucket } from "@google-cloud/storage";
import { CONTENT_TYPES } from "../../shared/content-types.ts";
import type { ClaimedQuery, QueryResult } from "../../shared/db/query-task.ts";
import type { ChildPool } from "./child-pool.ts";
import type { QueryChild } from "./child-process.ts";
import type { ParquetOptions } from "./parquet-result.ts";
import { QueryFailure } from "./query-failure.ts";
import { type SnapshotCache, snapshotKey } from "./snapshot-cache.ts";
import { storeResult } from "./store-result.ts";

export interface ExecuteDeps {
  children: Pick<ChildPool, "take" | "anticipate" | "end">;
  cache: Pick<SnapshotCache, "pin">;
  bucket: Bucket;
  scratchDir: string;
  /** What the children were bounded by. */
  maxMemoryMb: number;
  threads: number;
  /** What the rows of a Parquet result may take of the disk as text. */
  maxSpoolBytes: number;
}

/** Node's timers end at once when they are to last longer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Runs a query in a child of its own and stores what it answers; a `QueryFailure` says why it does not. */
export async function executeQuery(task: ClaimedQuery, deps: ExecuteDeps, signal: AbortSignal): Promise<QueryResult> {
  const watch = new Stopwatch(task.limits.seconds, signal);
  // A limit that is tighter than a child was born with leaves no room for what it holds.
  const granted = task.limits.memoryMb < deps.maxMemoryMb ? [] : task.snapshots.map(snapshotKey);
  const child = await deps.children.take(new Set(granted));
  const kill = () => deps.children.end(child);
  watch.signal.addEventListener("abort", kill);
  try {
    watch.signal.throwIfAborted();
    return await run(task, child, deps, watch);
  } catch (error) {
    // A child that was ended has nothing of its own to say.
    watch.signal.throwIfAborted();
    throw error;
  } finally {
    watch.signal.removeEventListener("abort", kill);
    // Nobody waits for a process to be gone.
    deps.children.end(child);
  }
}

async function run(task: ClaimedQuery, child: QueryChild, deps: ExecuteDeps, watch: Stopwatch): Promise<QueryResult> {
  const { sql, limits, snapshots } = task;
  const memoryMb = Math.min(limits.memoryMb, deps.maxMemoryMb);
  const tightened = memoryMb < deps.maxMemoryMb ? child.tighten(memoryMb) : undefined;
  const { tables } = await watch.timed("run", () => {
    child.ask({ ask: "judge", sql, grants: snapshots.map(({ schema, table }) => ({ schema, table })) });
    return child.expect("reads");
  });
  const read = tables.flatMap((index) => snapshots[index] ?? []);
  const { files, release } = await watch.timed("load", () => deps.cache.pin(read, watch.signal));
  try {
    await tightened;
    const produced = await watch.timed("run", () => produce(task, { child, files, memoryMb }, deps, watch));
    const held = read.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    deps.children.anticipate({ keys: read.map(snapshotKey), files, bytes: held });
    const { hash, ...result } = produced;
    const { wait, load, run } = watch.seconds();
    return {
      ...result,
      receipt: {
        sql_hash: createHash("sha256").update(sql).digest("hex"),
        snapshots: read.map(({ schema, table, version }) => ({ table: `${schema}.${table}`, version })),
        row_count: result.rowCount,
        result_hash: hash,
        seconds: run,
      },
      stats: { wait_seconds: wait, load_seconds: load, run_seconds: run },
    };
  } finally {
    release();
  }
}

interface Judged {
  child: QueryChild;
  /** Those of the tables that it reads. */
  files: string[];
  memoryMb: number;
}

/** Has a judged query run, and stores its rows as they come. */
async function produce(
  { id, attempt, parameters, format, limits }: ClaimedQuery,
  { child, files, memoryMb }: Judged,
  { bucket, scratchDir, threads, maxSpoolBytes }: ExecuteDeps,
  watch: Stopwatch,
): Promise<Omit<QueryResult, "receipt" | "stats"> & { hash: string }> {
  child.ask({ ask: "run", files, parameters, format, memoryMb, threads });
  const { columns } = await child.expect("columns");
  const rows = new RowReader(child, limits.rows);
  const content =
    format === "parquet"
      ? await asParquet(rows.read(), {
          columns,
          scratchDir,
          name: id,
          maxBytes: limits.bytes,
          maxSpoolBytes,
          memoryMb,
          threads,
          takeTurn: (turns) => watch.timed("wait", () => turns.take(watch.signal)),
          signal: watch.signal,
        })
      : rows.read();
  // Each attempt has a name of its own, so that none that is late can replace what another one stored.
  const object = `results/${id}-${attempt}.${format}`;
  const { bytes, hash } = await storeResult(bucket.file(object), content, {
    contentType: CONTENT_TYPES[format],
    maxBytes: limits.bytes,
    signal: watch.signal,
  });
  const { rowCount, preview } = rows.end();
  return { columns, preview, isCut: preview.length < rowCount, rowCount, object, bytes, hash };
}

/** DuckDB is loaded here only by who needs it. */
async function asParquet(lines: AsyncIterable<Buffer>, options: ParquetOptions): Promise<AsyncGenerator<Buffer>> {
  const { toParquet } = await import("./parquet-result.ts");
  return toParquet(lines, options);
}

/** A result's text as it comes, and then what was told of it. */
class RowReader {
  readonly #child: QueryChild;
  readonly #maxRows: number;
  #rowCount = 0;
  #preview: QueryResult["preview"] | undefined;

  constructor(child: QueryChild, maxRows: number) {
    this.#child = child;
    this.#maxRows = maxRows;
  }

  async *read(): AsyncGenerator<Buffer> {
    for (;;) {
      const next = await this.#child.next();
      if (next.tell === "end") {
        this.#preview = next.preview;
        return;
      }
      if (next.tell !== "rows") throw new Error(`The child tells ${next.tell} where rows are due`);
      this.#rowCount += next.rowCount;
      if (this.#rowCount > this.#maxRows)
        throw new QueryFailure(
          "result_too_large",
          `The result has more than the ${this.#maxRows} rows that it may have. Add a LIMIT, or aggregate.`,
        );
      if (next.text.length > 0) yield next.text;
    }
  }

  end(): Pick<QueryResult, "rowCount" | "preview"> {
    if (this.#preview === undefined) throw new Error("The rows were not read to their end");
    return { rowCount: this.#rowCount, preview: this.#preview };
  }
}

type Phase = "wait" | "load" | "run";

/** Tells what a query spent its time on, and ends it when it has run for too long: what else it does is free. */
class Stopwatch {
  readonly #limitSeconds: number;
  readonly #spentMs = { wait: 0, load: 0, run: 0 };
  readonly #over = new AbortController();
  readonly signal: AbortSignal;
  #timer: NodeJS.Timeout | undefined;
  #phase: Phase = "wait";
  #since = performance.now();

  constructor(limitSeconds: number, signal: AbortSignal) {
    this.#limitSeconds = limitSeconds;
    this.signal = AbortSignal.any([signal, this.#over.signal]);
  }

  /** Counts the time of some work to a phase, instead of to the one that it is a part of; that is waiting at first. */
  async timed<T>(phase: Phase, work: () => Promise<T>): Promise<T> {
    const outer = this.#enter(phase);
    try {
      return await work();
    } finally {
      this.#enter(outer);
    }
  }

  seconds(): Record<Phase, number> {
    this.#enter(this.#phase);
    const toSeconds = (ms: number) => Math.round(ms * 1e3) / 1e6;
    const { wait, load, run } = this.#spentMs;
    return { wait: toSeconds(wait), load: toSeconds(load), run: toSeconds(run) };
  }

  #enter(phase: Phase): Phase {
    const [left, now] = [this.#phase, performance.now()];
    this.#spentMs[left] += now - this.#since;
    this.#phase = phase;
    this.#since = now;
    clearTimeout(this.#timer);
    if (phase === "run") this.#timer = setTimeout(() => this.#end(), Math.min(this.#leftMs(), MAX_TIMER_MS));
    return left;
  }

  #leftMs(): number {
    return this.#limitSeconds * 1000 - this.#spentMs.run;
  }

  #end(): void {
    this.#over.abort(
      new QueryFailure("query_timeout", `The query ran for longer than the ${this.#limitSeconds} s that it may take.`),
    );
  }
}
