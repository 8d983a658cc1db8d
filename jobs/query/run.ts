import type { ClaimedQuery, QueryResult } from "../../shared/db/query-task.ts";
import { CorralError } from "../../shared/errors.ts";
import type { Snapshot } from "../heartbeat.ts";
import { JobFailure } from "../job-failure.ts";
import { Pause } from "./pause.ts";
import { QueryFailure } from "./query-failure.ts";

/** The queue as this runner sees it; what is no longer its own it can neither end nor return. */
export interface QueryQueue {
  claim: (limit: number) => Promise<ClaimedQuery[]>;
  /** Of its queries, those that it is to stop. */
  watch: (queries: string[]) => Promise<string[]>;
  complete: (query: string, result: QueryResult) => Promise<"completed" | "stale">;
  fail: (query: string, failure: { code: string; message: string }) => Promise<"failed" | "stale">;
  giveBack: (queries: string[]) => Promise<unknown>;
  leave: () => Promise<"left" | "stay" | "stale">;
}

export interface DrainOptions {
  queue: QueryQueue;
  execute: (query: ClaimedQuery, signal: AbortSignal) => Promise<QueryResult>;
  /** How many queries run at a time. */
  slots: number;
  /** For how long the runner stays when nothing is asked. */
  idleSeconds: number;
  pause: Pause;
  progress: QueryProgress;
  log: (line: string) => void;
  signal: AbortSignal;
}

const WATCH_MS = 500;

/** What a runner has done; read by the heartbeat whenever it reports. */
export class QueryProgress {
  running = 0;
  completed = 0;
  failed = 0;
  cancelled = 0;

  snapshot(): Snapshot {
    const { running, completed, failed, cancelled } = this;
    return { phase: running > 0 ? "running" : "waiting", progress: { running, completed, failed, cancelled } };
  }
}

/** Why a query stopped that somebody no longer wants. */
class Cancelled extends Error {}

/**
 * Runs queries until none has come for a while and the queue lets the runner go. When it is told to stop instead, what
 * runs goes back into the queue and the signal's reason is thrown, unless the queue lets it go at once.
 */
export async function drainQueue(options: DrainOptions): Promise<void> {
  const { queue, slots, idleSeconds, pause, signal } = options;
  const runner = new Runner(options);
  let idleSince = performance.now();
  try {
    while (!signal.aborted) {
      const free = slots - runner.size;
      const claimed = free > 0 ? await runner.claim(free) : [];
      if (claimed.length > 0 || runner.size > 0) idleSince = performance.now();
      for (const query of claimed) runner.start(query);
      if (claimed.length === free && free > 0) continue;
      if (performance.now() - idleSince > idleSeconds * 1000) {
        if ((await queue.leave()) !== "stay") return;
        idleSince = performance.now();
      } else await pause.wait(signal, claimed.length > 0 || runner.size > 0);
    }
  } finally {
    await runner.stop(signal.reason);
  }
  if ((await queue.leave()) === "stay") throw signal.reason;
}

class Runner {
  readonly #options: DrainOptions;
  readonly #running = new Map<string, { stop: AbortController; done: Promise<void> }>();
  readonly #watched: Promise<void>;
  readonly #stopped = new AbortController();
  /** Whether it may have been given queries without hearing of them; those that it names as its own are all it has. */
  #hasLostReplies = false;

  constructor(options: DrainOptions) {
    this.#options = options;
    this.#watched = this.#watch();
  }

  get size(): number {
    return this.#running.size;
  }

  /** A queue that cannot be asked is asked again; how long that goes well is for the heartbeat to say. */
  async claim(limit: number): Promise<ClaimedQuery[]> {
    try {
      return await this.#options.queue.claim(limit);
    } catch (error) {
      this.#options.log(`no queries can be claimed: ${error}`);
      this.#hasLostReplies = true;
      return [];
    }
  }

  start(query: ClaimedQuery): void {
    const { progress, pause } = this.#options;
    const stop = new AbortController();
    const done = this.#run(query, stop.signal).finally(() => {
      this.#running.delete(query.id);
      progress.running = this.#running.size;
      pause.end();
    });
    this.#running.set(query.id, { stop, done });
    progress.running = this.#running.size;
  }

  /** Ends what runs, and gives it back. */
  async stop(reason: unknown): Promise<void> {
    this.#stopped.abort();
    const queries = [...this.#running.keys()];
    const all = [...this.#running.values()];
    for (const { stop } of all) stop.abort(reason);
    await Promise.allSettled([this.#watched, ...all.map(({ done }) => done)]);
    if (queries.length > 0) await this.#options.queue.giveBack(queries);
  }

  async #run(query: ClaimedQuery, signal: AbortSignal): Promise<void> {
    const { queue, execute, progress, log } = this.#options;
    try {
      const result = await execute(query, signal);
      const outcome = await queue.complete(query.id, result);
      progress.completed++;
      log(`${query.id} ${outcome}: ${result.rowCount} rows in ${result.receipt.seconds} s`);
    } catch (error) {
      if (!signal.aborted) await this.#fail(query, error);
      else if (signal.reason instanceof Cancelled) progress.cancelled++;
    }
  }

  async #fail(query: ClaimedQuery, error: unknown): Promise<void> {
    const { queue, progress, log } = this.#options;
    const failure = toFailure(error);
    progress.failed++;
    log(`${query.id} failed: ${failure.code}: ${failure.message.split("\n", 1)[0]}`);
    if (!(error instanceof QueryFailure)) log(`cause: ${error instanceof Error ? (error.stack ?? error) : error}`);
    await queue.fail(query.id, failure).catch((cause) => log(`${query.id} cannot be ended: ${cause}`));
  }

  async #watch(): Promise<void> {
    const { queue, log } = this.#options;
    const { signal } = this.#stopped;
    const pause = new Pause({ shortMs: WATCH_MS, longMs: WATCH_MS });
    for (await pause.wait(signal, false); !signal.aborted; await pause.wait(signal, false)) {
      if (this.#running.size === 0 && !this.#hasLostReplies) continue;
      const queries = await queue.watch([...this.#running.keys()]).catch((error) => {
        log(`queries cannot be watched: ${error}`);
        return [];
      });
      for (const id of queries) this.#running.get(id)?.stop.abort(new Cancelled("nobody wants the query any more"));
    }
  }
}

/** What a failure that is not the query's own has to say is for the log: it names objects, paths, hidden columns. */
function toFailure(error: unknown): { code: string; message: string } {
  if (error instanceof QueryFailure) return error;
  if (error instanceof JobFailure) return { code: error.code, message: new CorralError(error.code).detail };
  return {
    code: "runner_died",
    message: "The query could not be run, for a reason that it has no part in. Try again.",
  };
}
