import type { StandInMutant } from "../stand-in-mutant.ts";

const WORKER = "local/postgres/pg-net-worker.ts";
const REQUEST = "local/postgres/pg-net-request.ts";
const SQL = "local/postgres/extensions/pg_net/pg_net--0.20.4.sql";
const tests = ["tests/local/postgres/pg-net.test.ts"];

/**
 * pg_net: sent when the commit is there, in batches, within a time, once; and what came of it is recorded.
 * That nothing is sent before it, nor after a rollback, is Postgres's own doing: nobody sees the request until then.
 */
export const pgNetMutants: StandInMutant[] = [
  {
    title: "pg_net: a commit does not wake the worker",
    file: SQL,
    find: "select pg_catalog.pg_notify('pg_net_wake', '')",
    replace: "select",
    tests,
  },
  {
    title: "pg_net: a POST is taken with any content type",
    file: SQL,
    find: "elsif v_content_type <> 'application/json' then",
    replace: "elsif v_content_type = '' then",
    tests,
  },
  {
    title: "pg_net: parameters reach the URL unencoded",
    file: SQL,
    find: "net._urlencode_string(key) || '=' || net._urlencode_string(value)",
    replace: "key || '=' || value",
    tests,
  },
  {
    title: "pg_net: a batch has no bound",
    file: WORKER,
    find: "order by id limit $1)",
    replace: "order by id limit $1 + 100000)",
    tests,
  },
  {
    title: "pg_net: a batch takes the youngest requests first",
    file: WORKER,
    find: "order by id limit $1)",
    replace: "order by id desc limit $1)",
    tests,
  },
  {
    title: "pg_net: requests of a batch are sent one after the other",
    file: WORKER,
    find: "await Promise.all(rows.map((request) => sendRequest(request, signal)));",
    replace:
      "await rows.reduce(async (sent, request) => [...(await sent), await sendRequest(request, signal)], Promise.resolve([]));",
    tests,
  },
  {
    title: "pg_net: a batch that is cut off is lost instead of sent again",
    file: WORKER,
    find: "const { rows } = await client.query<QueuedRequest>(TAKE_BATCH, [BATCH_SIZE]);",
    replace:
      'const { rows } = await client.query<QueuedRequest>(TAKE_BATCH, [BATCH_SIZE]);\n    await client.query("commit; begin");',
    tests,
  },
  {
    title: "pg_net: a request is sent again when its server fails",
    file: REQUEST,
    find: "  const content = await response.text();",
    replace:
      "  const content = await response.text();\n  if (response.status >= 500) await fetch(url, { method: request.method, signal });",
    tests,
  },
  {
    title: "pg_net: a request never times out",
    file: REQUEST,
    find: "setTimeout(abort, request.timeout_milliseconds)",
    replace: "setTimeout(abort, request.timeout_milliseconds + 3_600_000)",
    tests,
  },
  {
    title: "pg_net: a timeout is not recorded as one",
    file: REQUEST,
    find: "timed_out: timedOut,",
    replace: "timed_out: false,",
    tests,
  },
  {
    title: "pg_net: responses are not recorded",
    file: WORKER,
    find: "if (responses.length > 0) await",
    replace: "if (responses.length > 100_000) await",
    tests,
  },
  {
    title: "pg_net: a response's headers are not recorded",
    file: REQUEST,
    find: "headers: Object.fromEntries(response.headers),",
    replace: "headers: {},",
    tests,
  },
  {
    title: "pg_net: errors are not in libcurl's words",
    file: REQUEST,
    find: "return CURL_ERRORS[code] ?? cause.message;",
    replace: "return cause.message;",
    tests,
  },
  {
    title: "pg_net: responses are kept for ever",
    file: WORKER,
    find: "where created < now() - $1::interval",
    replace: "where created < now() - $1::interval * 1000",
    tests,
  },
  {
    title: "pg_net: requests carry no body",
    file: REQUEST,
    find: 'body: request.body?.toString("utf8") ?? null,',
    replace: "body: null,",
    tests,
  },
  {
    title: "pg_net: requests carry no headers",
    file: REQUEST,
    find: "headers: { ...request.headers, ",
    replace: "headers: { ",
    tests,
  },
];
