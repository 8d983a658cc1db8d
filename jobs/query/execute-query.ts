import { createHash } from "node:crypto";
import type { Bucket } from "@google-cloud/storage";
import type { ClaimedQuery, QueryResult } from "../../shared/db/query-task.ts";
import type { ChildPool } from "./child-pool.ts";
import type { QueryChild } from "./child-process.ts";
import type { OutputFormat } from "./messages.ts";
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

const CONTENT_TYPES = {
  csv: "text/csv; charset=utf-8",
  json: "application/json",
  parquet: "application/vnd.apache.parquet",
} satisfies Record<OutputFormat, string>;

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
    watch.stop();
    watch.signal.removeEventListener("abort", kill);
    // Nobody waits for a process to be gone.
    deps.children.end(child);
  }
}

async function run(task: ClaimedQuery, child: QueryChild, deps: ExecuteDeps, watch: Stopwatch): Promise<QueryResult> {
  const { id, attempt, sql, parameters, format, limits, snapshots } = task;
  const { bucket, scratchDir, threads, maxSpoolBytes } = deps;
  const memoryMb = Math.min(limits.memoryMb, deps.maxMemoryMb);
  const waited = watch.lap();
  const tightened = memoryMb < deps.maxMemoryMb ? child.tighten(memoryMb) : undefined;
  watch.start();
  child.ask({ ask: "judge", sql, grants: snapshots.map(({ schema, table }) => ({ schema, table })) });
  const { tables } = await child.expect("reads");
  const read = tables.flatMap((index) => snapshots[index] ?? []);
  watch.pause();
  const judged = watch.lap();
  const { files, release } = await deps.cache.pin(read, watch.signal);
  const loaded = watch.lap();
  try {
    await tightened;
    watch.start();
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
            takeTurn: (turns) => watch.excuse(() => turns.take(watch.signal)),
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
    const ran = watch.lap();
    const held = read.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    deps.children.anticipate({ keys: read.map(snapshotKey), files, bytes: held });
    return {
      columns,
      preview,
      isCut: preview.length < rowCount,
      rowCount,
      object,
      bytes,
      receipt: {
        sql_hash: createHash("sha256").update(sql).digest("hex"),
        snapshots: read.map(({ schema, table, version }) => ({ table: `${schema}.${table}`, version })),
        row_count: rowCount,
        result_hash: hash,
        seconds: judged + ran,
      },
      stats: { wait_seconds: waited, load_seconds: loaded, run_seconds: judged + ran },
    };
  } finally {
    release();
  }
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

/** Ends a query that ran too long; what it waits for is not counted. */
class Stopwatch {
  readonly #seconds: number;
  readonly #over = new AbortController();
  readonly signal: AbortSignal;
  #timer: NodeJS.Timeout | undefined;
  #left: number;
  #startedAt = 0;
  #lapAt = performance.now();

  constructor(seconds: number, signal: AbortSignal) {
    this.#seconds = seconds;
    this.#left = seconds * 1000;
    this.signal = AbortSignal.any([signal, this.#over.signal]);
  }

  start(): void {
    this.#startedAt = performance.now();
    this.#timer = setTimeout(() => this.#over.abort(tooSlow(this.#seconds)), Math.min(this.#left, MAX_TIMER_MS));
  }

  pause(): void {
    this.stop();
    this.#left -= performance.now() - this.#startedAt;
  }

  /** Does not count a wait. */
  async excuse<T>(wait: () => Promise<T>): Promise<T> {
    this.pause();
    try {
      return await wait();
    } finally {
      this.start();
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Seconds since it was asked before. */
  lap(): number {
    const now = performance.now();
    const seconds = (now - this.#lapAt) / 1000;
    this.#lapAt = now;
    return Math.round(seconds * 1e6) / 1e6;
  }
}

function tooSlow(seconds: number): QueryFailure {
  return new QueryFailure("query_timeout", `The query ran for longer than the ${seconds} s that it may take.`);
}
