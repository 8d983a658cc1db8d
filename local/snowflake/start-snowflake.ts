import { createReadStream, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { closeServer, LOOPBACK, listen } from "../listen.ts";
import type { Log } from "../log.ts";
import type { SnowflakeUser } from "./authenticate.ts";
import type { Engine } from "./execute.ts";
import type { StorageTarget } from "./execution.ts";
import { type Fault, Faults } from "./faults.ts";
import { Queries } from "./queries.ts";
import {
  type Call,
  findQuery,
  handleAbort,
  handleLogin,
  handleLogout,
  handleMonitoring,
  handleQuery,
  handleRenewal,
  handleResult,
  type Site,
} from "./routes.ts";
import { Sessions } from "./sessions.ts";
import { SnowflakeError } from "./snowflake-error.ts";
import { Warehouse } from "./warehouse.ts";
import { readBody, refusal, sendJson, sendText, success } from "./wire.ts";

export interface SnowflakeOptions {
  port: number;
  /** Folder of the data, which then outlives the process; only one server may use it at a time. */
  dir?: string;
  users: SnowflakeUser[];
  /** Our Cloud Storage, the bucket that COPY INTO may write into, and the integration that lets it. */
  storage: StorageTarget;
  /** How long tokens are good for; one hour and four hours when left out, as Snowflake's. */
  sessionSeconds?: number;
  masterSeconds?: number;
  /** How long a request waits for its result before it is told to ask again; Snowflake waits 45 seconds. */
  holdMs?: number;
  log?: Log;
}

export interface RunningSnowflake {
  /** What snowflake-sdk takes as `accessUrl`. */
  url: string;
  faults: Faults;
  /** Ends the life of all session tokens, or of all master tokens. */
  expire(which: "session" | "master"): void;
  /** Resolves once a query that runs matches; for tests that cancel or kill. */
  running(sql: RegExp): Promise<string>;
  close(): Promise<void>;
}

const HOLD_MS = 45_000;
const CHUNK_PATH = /^\/_chunks\/([\w-]+)\/(\d+)$/;
const QUERY_PATH = /^\/queries\/([\w-]+)\/(result|abort-request)$/;
const MONITORING_PATH = /^\/monitoring\/queries\/([\w-]+)$/;

/** Starts the protocol that Snowflake's drivers speak, over DuckDB. */
export async function startSnowflake(options: SnowflakeOptions): Promise<RunningSnowflake> {
  const { users, storage, log = () => undefined } = options;
  const warehouse = await Warehouse.open(options.dir);
  const queries = new Queries(({ id, result }) => {
    if (result !== undefined && result.chunks.length > 0)
      rmSync(join(warehouse.scratch, id), { recursive: true, force: true });
  });
  const engine: Engine = { warehouse, queries, storage, log };
  const sessions = new Sessions({
    sessionSeconds: options.sessionSeconds ?? 3600,
    masterSeconds: options.masterSeconds ?? 14_400,
  });
  const faults = new Faults();
  const watchers = new Set<() => void>();
  const server = createServer({ keepAliveTimeout: 75_000 });
  let port: number;
  try {
    port = await listen(server, "Snowflake", options.port);
  } catch (error) {
    await warehouse.close();
    throw error;
  }
  const url = `http://${LOOPBACK}:${port}`;
  const site: Site = { engine, sessions, users, url, holdMs: options.holdMs ?? HOLD_MS };
  server.on("request", (request, response) => {
    answer(site, faults, request, response)
      .catch((error: unknown) => {
        if (response.headersSent || response.destroyed) return response.destroy();
        sendJson(response, refusal(toRefusal(error, log)));
      })
      .finally(() => {
        for (const watch of watchers) watch();
      });
    for (const watch of watchers) watch();
  });
  return {
    url,
    faults,
    expire: (which) => sessions.expire(which),
    async running(sql) {
      for (;;) {
        const found = queries.running().find((query) => sql.test(query.sql));
        if (found !== undefined) return found.id;
        await new Promise<void>((resolve) => {
          const watch = () => {
            watchers.delete(watch);
            setImmediate(resolve);
          };
          watchers.add(watch);
        });
      }
    },
    async close() {
      for (const query of queries.running()) query.cancel();
      await closeServer(server);
      await Promise.all(queries.all().map(({ done }) => done));
      for (const session of sessions.all()) await handleLogout(site, session);
      await warehouse.close();
    },
  };
}

function toRefusal(error: unknown, log: Log): SnowflakeError {
  if (error instanceof SnowflakeError) return error;
  if (error instanceof z.ZodError) return new SnowflakeError("391902", "22000", z.prettifyError(error));
  log(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return new SnowflakeError("000603", "XX000", "SQL execution internal error");
}

async function answer(site: Site, faults: Faults, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", site.url);
  const { pathname } = url;
  const chunk = CHUNK_PATH.exec(pathname);
  if (chunk !== null) return sendChunk(site, faults.take("chunk"), chunk[1] ?? "", chunk[2] ?? "", request, response);
  const body = await readBody(request);
  const call: Call = { query: url.searchParams, authorization: request.headers.authorization, body };
  const fault = faultOf(faults, pathname, body);
  if (fault?.kind === "reset") return void request.socket.destroy();
  if (fault?.kind === "status") return void response.writeHead(fault.status).end();
  if (fault?.kind === "refusal") throw new SnowflakeError(fault.code, fault.sqlState, fault.message);
  if (fault?.kind === "expired_session") site.sessions.expire("session");
  if (fault?.kind === "expired_master") site.sessions.expire("master");
  const reply = await replyJson(site, pathname, request.method ?? "GET", call);
  if (fault?.kind === "lost_reply") return void request.socket.destroy();
  sendText(response, reply);
}

const OPERATIONS: [path: RegExp, on: Parameters<Faults["take"]>[0]][] = [
  [/^\/session\/v1\/login-request$/, "login"],
  [/^\/session\/token-request$/, "renew"],
  [/^\/queries\/v1\/query-request$/, "query"],
  [/^\/queries\/[^/]+\/abort-request$/, "abort"],
  [/^\/queries\/[^/]+\/result$/, "result"],
  [/^\/monitoring\//, "monitoring"],
];

function faultOf(faults: Faults, path: string, body: unknown): Fault | undefined {
  const operation = OPERATIONS.find(([pattern]) => pattern.test(path))?.[1];
  const sql = typeof body === "object" && body !== null && "sqlText" in body ? String(body.sqlText) : "";
  return operation === undefined ? undefined : faults.take(operation, sql);
}

async function replyJson(site: Site, path: string, method: string, call: Call): Promise<string> {
  if (path === "/session/v1/login-request") return JSON.stringify(handleLogin(site, call));
  if (path === "/session/token-request") return JSON.stringify(handleRenewal(site, call));
  if (path === "/telemetry/send") return JSON.stringify(success(null));
  const session = site.sessions.authorize(call.authorization);
  if (path === "/queries/v1/query-request") return handleQuery(site, session, call);
  if (path === "/queries/v1/abort-request") return JSON.stringify(await handleAbort(site, undefined, call));
  const [, id = "", verb] = QUERY_PATH.exec(path) ?? [];
  if (verb === "result") return handleResult(site, id);
  if (verb === "abort-request") return JSON.stringify(await handleAbort(site, id, call));
  const monitored = MONITORING_PATH.exec(path)?.[1];
  if (monitored !== undefined) return JSON.stringify(handleMonitoring(site, monitored));
  if (path === "/session/heartbeat") return JSON.stringify(success(null));
  if (path === "/session" && call.query.get("delete") === "true")
    return JSON.stringify(await handleLogout(site, session));
  if (path === "/session" && method === "GET") return JSON.stringify(success({ sessionId: Number(session.id) }));
  throw new SnowflakeError("390404", "02000", `Not found: ${method} ${path}`);
}

/** A piece of a result: rows without outer brackets. Drivers take it for a reply if it calls itself JSON. */
async function sendChunk(
  site: Site,
  fault: Fault | undefined,
  id: string,
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (fault?.kind === "reset") return void request.socket.destroy();
  if (fault?.kind === "status") return void response.writeHead(fault.status).end();
  const query = findQuery(site, id);
  const chunk = query.result?.chunks.find((one) => one.name === name);
  if (chunk === undefined || request.headers["x-corral-result"] !== id) return void response.writeHead(403).end();
  const end = fault?.kind === "cut" ? { end: Math.max(0, fault.afterBytes - 1) } : {};
  response.writeHead(200, {
    "content-type": "application/octet-stream",
    "content-encoding": "gzip",
    "content-length": chunk.compressedSize,
  });
  await pipeline(createReadStream(join(site.engine.warehouse.scratch, id, name), end), response);
}
