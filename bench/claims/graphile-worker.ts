import { EventEmitter } from "node:events";
import { Logger, makeWorkerUtils, type Runner, run, type Worker } from "graphile-worker";
import type { Contender, Limits, Sample } from "./contender.ts";
import { connect } from "./start-arena.ts";

const TASK = "work";
const ADD_AT_ONCE = 10_000;
const logger = new Logger(() => () => undefined);

/**
 * graphile-worker as its own benchmark runs it: one runner with that concurrency, a connection per worker, prepared
 * statements, a task that does nothing. This version has no local queue.
 */
export async function createGraphileWorker(url: string): Promise<Contender> {
  const admin = await connect(url);
  const utils = await makeWorkerUtils({ connectionString: url, logger });
  await utils.migrate();
  return {
    title: "graphile-worker",
    batch: 1,
    async fill(tasks) {
      await admin.query("truncate graphile_worker._private_jobs");
      for (let left = tasks; left > 0; left -= ADD_AT_ONCE)
        await admin.query(
          `select count(*) from graphile_worker.add_jobs(array(
             select row($1, json_build_object('chunk', n), null, null, 3, null, null, null)::graphile_worker.job_spec
               from generate_series(1, $2::int) n))`,
          [TASK, Math.min(left, ADD_AT_ONCE)],
        );
      await admin.query("vacuum analyze graphile_worker._private_jobs");
    },
    open: async (callers) => ({ run: (limits) => runWorkers(url, callers, limits), close: async () => undefined }),
    async close() {
      await utils.release();
      await admin.end();
    },
  };
}

/** Counts what the workers complete once each has been at it for a while. */
async function runWorkers(connectionString: string, concurrency: number, limits: Limits): Promise<Sample> {
  const events = new EventEmitter();
  const askedAt = new Map<Worker, number>();
  const latencies: number[] = [];
  let seen = 0;
  let startedAt = 0;
  events.on("worker:getJob:start", ({ worker }: { worker: Worker }) => askedAt.set(worker, performance.now()));
  const ended = new Promise<number>((resolve) => {
    let over = false;
    events.on("job:complete", ({ worker }: { worker: Worker }) => {
      const now = performance.now();
      seen++;
      if (over) return;
      if (seen === warmUp(concurrency, limits)) startedAt = now;
      else if (startedAt > 0) latencies.push(now - (askedAt.get(worker) ?? now));
      if (seen >= limits.tasks || (startedAt > 0 && now - startedAt >= limits.seconds * 1000)) {
        over = true;
        resolve(now);
      }
    });
  });
  const runner: Runner = await run({
    connectionString,
    concurrency,
    maxPoolSize: concurrency + 2,
    noHandleSignals: true,
    taskList: { [TASK]: async () => undefined },
    events,
    logger,
  });
  const endedAt = await ended;
  await runner.stop();
  return { tasks: latencies.length, taken: seen, seconds: (endedAt - startedAt) / 1000, latencies };
}

const warmUp = (concurrency: number, limits: Limits) => Math.min(20 * concurrency, Math.ceil(limits.tasks / 4));
