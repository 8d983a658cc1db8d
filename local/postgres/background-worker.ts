import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import type { Log } from "../log.ts";
import { WakeSignal } from "./wake-signal.ts";

/** Postgres starts a failed background worker again after this long, when the worker asks for it as these do. */
const RESTART_MS = 1000;

export interface WorkerOptions {
  /** Of the database to serve, as superuser. */
  adminUrl: string;
  log?: Log;
}

export interface Worker {
  /** Ends at once: what is under way is abandoned, as in a shutdown of the server. */
  stop(): Promise<void>;
}

export interface WorkerSession {
  client: pg.Client;
  /** Woken by every notification on the worker's channel. */
  wake: WakeSignal;
  /** Aborted when the worker stops or its connection is lost. */
  signal: AbortSignal;
}

interface WorkerPart extends WorkerOptions {
  /** As it appears in pg_stat_activity. */
  name: string;
  channel: string;
  /** Works until the session's signal aborts. */
  work: (session: WorkerSession) => Promise<void>;
}

/** Plays an extension's background worker: runs `work` on a listening connection, again after every failure. */
export async function startBackgroundWorker(part: WorkerPart): Promise<Worker> {
  const stopping = new AbortController();
  let session = await openSession(part, stopping.signal);

  const run = async () => {
    for (;;) {
      try {
        await part.work(session);
      } catch (error) {
        if (!stopping.signal.aborted) part.log?.(`${part.name}: ${messageOf(error)}`);
      } finally {
        await session.client.end().catch(() => undefined);
      }
      session = await reopen(part, stopping.signal, session);
      if (stopping.signal.aborted) return;
    }
  };
  const done = run();
  return {
    stop: async () => {
      stopping.abort();
      await done;
    },
  };
}

async function reopen(part: WorkerPart, stopping: AbortSignal, last: WorkerSession): Promise<WorkerSession> {
  while (!stopping.aborted) {
    await delay(RESTART_MS, undefined, { signal: stopping }).catch(() => undefined);
    if (stopping.aborted) break;
    const session = await openSession(part, stopping).catch(() => undefined);
    if (session !== undefined) return session;
  }
  return last;
}

async function openSession(part: WorkerPart, stopping: AbortSignal): Promise<WorkerSession> {
  const lost = new AbortController();
  const wake = new WakeSignal();
  const client = new pg.Client({ connectionString: part.adminUrl, application_name: part.name });
  client.on("error", () => lost.abort());
  client.on("end", () => lost.abort());
  client.on("notification", () => wake.wake());
  await client.connect();
  await client.query(`listen ${part.channel}`);
  stopping.addEventListener("abort", () => lost.abort(), { once: true });
  return { client, wake, signal: lost.signal };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
