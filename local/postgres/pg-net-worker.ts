import { setMaxListeners } from "node:events";
import type pg from "pg";
import { startBackgroundWorker, type Worker, type WorkerOptions, type WorkerSession } from "./background-worker.ts";
import { type QueuedRequest, sendRequest } from "./pg-net-request.ts";

const BATCH_SIZE = 200;
const RESPONSE_TTL = "6 hours";
/** Between two batches, unless a commit wakes us sooner. */
const PAUSE_MS = 1000;

const DELETE_EXPIRED = `
with expired as (
  select ctid from net._http_response where created < now() - $1::interval order by created limit $2
)
delete from net._http_response r using expired where r.ctid = expired.ctid`;

const TAKE_BATCH = `
with batch as (select id from net.http_request_queue order by id limit $1)
delete from net.http_request_queue q using batch where q.id = batch.id
returning q.id, q.method, q.url, q.body, q.timeout_milliseconds,
          coalesce((select jsonb_object_agg(key, value) from jsonb_each_text(q.headers)), '{}') as headers`;

const RECORD_RESPONSES = `
insert into net._http_response (id, status_code, content_type, headers, content, timed_out, error_msg)
select id, status_code, content_type, headers, content, timed_out, error_msg
  from jsonb_populate_recordset(null::net._http_response, $1)`;

/**
 * Plays pg_net's background worker. Like it, one transaction takes a batch, sends it in parallel and records the
 * responses once the slowest is there; when it aborts, what was sent is queued again (at least once, no retries).
 */
export function startPgNetWorker(options: WorkerOptions): Promise<Worker> {
  return startBackgroundWorker({ ...options, name: "pg_net 0.20.4", channel: "pg_net_wake", work: serveQueue });
}

async function serveQueue({ client, wake, signal }: WorkerSession): Promise<void> {
  // Every request of a batch listens, and our own loop.
  setMaxListeners(BATCH_SIZE + 1, signal);
  while (!signal.aborted) {
    const worked = (await isInstalled(client)) && (await runBatch(client, signal));
    await wake.sleep(signal, worked ? PAUSE_MS : undefined);
  }
}

async function isInstalled(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(
    "select exists (select from pg_extension where extname = 'pg_net') as found",
  );
  return rows[0]?.found ?? false;
}

/** Resolves to whether there was anything to do. */
async function runBatch(client: pg.Client, signal: AbortSignal): Promise<boolean> {
  await client.query("begin");
  try {
    const expired = await client.query(DELETE_EXPIRED, [RESPONSE_TTL, BATCH_SIZE]);
    const { rows } = await client.query<QueuedRequest>(TAKE_BATCH, [BATCH_SIZE]);
    const responses = await Promise.all(rows.map((request) => sendRequest(request, signal)));
    if (responses.length > 0) await client.query(RECORD_RESPONSES, [JSON.stringify(responses)]);
    await client.query("commit");
    return rows.length > 0 || (expired.rowCount ?? 0) > 0;
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}
