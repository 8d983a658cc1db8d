import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { ServiceAccount } from "../keys.ts";
import { closeServer, LOOPBACK, listen } from "../listen.ts";
import type { Log } from "../log.ts";
import { ApiError } from "./api-error.ts";
import { CloudRun } from "./cloud-run.ts";
import type { RunTask } from "./execution.ts";
import { startOrphanGuard } from "./orphan-guard.ts";
import { route } from "./routes.ts";
import { runContainer } from "./run-container.ts";
import { bearerVerifier } from "./verify-bearer.ts";
import { durationMs, toJson } from "./wire.ts";

const MAX_BODY_BYTES = 1024 * 1024;

export interface CloudRunOptions {
  port: number;
  /** Calls carry a token signed with its key; its project is the only one there is. */
  serviceAccount: ServiceAccount;
  /** Milliseconds between the acceptance of a run and the start of its containers. */
  startupDelayMs?: number;
  /** Takes the containers' output, a line at a time, with the execution's name, and what goes wrong here. */
  log: Log;
}

export interface RunningCloudRun {
  url: string;
  /** The process ids of the containers that run now. */
  containerPids(): number[];
  /** Ends all containers (SIGTERM, ten seconds, SIGKILL) and then the server. */
  close(): Promise<void>;
}

/** Starts Cloud Run's jobs API v2 over REST; a task's container is a child process that runs its `command` and `args`. */
export async function startCloudRun(options: CloudRunOptions): Promise<RunningCloudRun> {
  const { serviceAccount, log } = options;
  const guard = startOrphanGuard();
  const containers = new Set<number>();
  const runTask: RunTask = (execution, task, attempt, signal) => {
    const container = execution.template.template.containers[0];
    const own = container?.env.map(({ name, value }) => [name, value ?? ""]) ?? [];
    let pid: number | undefined;
    return runContainer({
      argv: [...(container?.command ?? []), ...(container?.args ?? [])],
      env: {
        PATH: process.env.PATH ?? "",
        ...Object.fromEntries(own),
        CLOUD_RUN_JOB: execution.job,
        CLOUD_RUN_EXECUTION: execution.shortName,
        CLOUD_RUN_TASK_INDEX: String(task.index),
        CLOUD_RUN_TASK_ATTEMPT: String(attempt),
        CLOUD_RUN_TASK_COUNT: String(execution.template.taskCount),
      },
      timeoutMs: durationMs(execution.template.template.timeout),
      signal,
      guard,
      onStart: (started) => {
        pid = started;
        containers.add(started);
      },
      onLine: (line) => log(`${execution.shortName}: ${line}`),
    }).finally(() => {
      if (pid !== undefined) containers.delete(pid);
    });
  };
  const cloud = new CloudRun({ startupDelayMs: options.startupDelayMs ?? 0, runTask });
  const verifyBearer = bearerVerifier(serviceAccount);

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? "/", "http://cloud-run");
    const enumsAsNumbers = url.searchParams.get("$alt")?.includes("enum-encoding=int") ?? false;
    const reply = (http: number, body: unknown) => {
      response.writeHead(http, { "content-type": "application/json; charset=UTF-8" });
      response.end(toJson(body, enumsAsNumbers));
    };
    try {
      await verifyBearer(request.headers.authorization);
      const call = {
        method: request.method ?? "GET",
        path: url.pathname,
        query: url.searchParams,
        body: await readJson(request),
      };
      reply(200, await route(cloud, serviceAccount.project_id, call));
    } catch (error) {
      if (!(error instanceof ApiError)) log(`${request.method} ${request.url} failed: ${String(error)}`);
      const refusal = error instanceof ApiError ? error : new ApiError("INTERNAL", "Internal error encountered.");
      const { http, body } = refusal.toResponse();
      reply(http, body);
    }
  };
  const server = createServer((request, response) => void answer(request, response));
  const port = await listen(server, "Cloud Run", options.port).catch((error: unknown) => {
    guard.close();
    throw error;
  });
  return {
    url: `http://${LOOPBACK}:${port}`,
    containerPids: () => [...containers],
    async close() {
      await cloud.close();
      await closeServer(server);
      guard.close();
    },
  };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes: Buffer = chunk;
    size += bytes.length;
    if (size > MAX_BODY_BYTES) throw new ApiError("INVALID_ARGUMENT", "Request payload size exceeds the limit.");
    chunks.push(bytes);
  }
  if (size === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new ApiError("INVALID_ARGUMENT", "Invalid JSON payload received. Not valid JSON.");
  }
}
