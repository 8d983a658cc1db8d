import type { IncomingMessage, ServerResponse } from "node:http";
import { type FunctionErrorCode, sendFunctionError } from "./function-errors.ts";
import type { FunctionPool } from "./function-pool.ts";
import { proxyRequest } from "./proxy-request.ts";
import { isSmall, proxySmallRequest } from "./proxy-small-request.ts";
import type { FunctionConfig } from "./read-function-configs.ts";
import type { ExitCause, FunctionProcess } from "./start-function.ts";

export const FUNCTIONS_PREFIX = "/functions/v1";

const METHODS = new Set(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
const CODE_OF_EXIT: Record<ExitCause, FunctionErrorCode> = {
  boot: "BOOT_ERROR",
  memory: "WORKER_LIMIT",
  crash: "WORKER_ERROR",
};
/** A process that breaks a connection is nearly always ending; so long is waited to learn why. */
const EXIT_WAIT_MS = 2000;

export interface FunctionsHandlerOptions {
  configs: Map<string, FunctionConfig>;
  pool: FunctionPool;
  /** Rejects when a token is not one of ours, or has expired. */
  verify: (token: string) => Promise<unknown>;
  /** A call without the beginning of an answer by then gets a 504. */
  requestLimitMs: number;
}

/** Answers `/functions/v1/<name>/…`; the function sees `/<name>/…`. */
export function createFunctionsHandler(options: FunctionsHandlerOptions) {
  const { configs, pool, requestLimitMs } = options;
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = (request.url ?? "").slice(FUNCTIONS_PREFIX.length);
    const config = configs.get(/^\/([^/?]+)/.exec(path)?.[1] ?? "");
    const refusal = config === undefined ? "NOT_FOUND" : await refuse(request, config, options.verify);
    if (config === undefined || refusal !== undefined) {
      return sendFunctionError(request, response, refusal ?? "NOT_FOUND");
    }
    const process = pool.get(config);
    const failure = await call(process, request, response, path, requestLimitMs);
    if (failure === undefined) return;
    if (failure === "IDLE_TIMEOUT") pool.retire(process, requestLimitMs);
    sendFunctionError(request, response, failure);
  };
}

/** Why a call may not reach its function, if so. A CORS preflight carries no token and always does. */
async function refuse(
  request: IncomingMessage,
  config: FunctionConfig,
  verify: FunctionsHandlerOptions["verify"],
): Promise<FunctionErrorCode | undefined> {
  if (!METHODS.has(request.method ?? "")) return "METHOD_NOT_ALLOWED";
  if (!config.verifyJwt || request.method === "OPTIONS") return undefined;
  const token = /^Bearer\s+(.+)$/i.exec(request.headers.authorization ?? "")?.[1];
  if (token === undefined) return "UNAUTHORIZED_NO_AUTH_HEADER";
  return verify(token).then(
    () => undefined,
    () => "UNAUTHORIZED_INVALID_JWT",
  );
}

/** Hands a call to a process; resolves to what went wrong, or to undefined once the answer is on its way. */
async function call(
  process: FunctionProcess,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  limitMs: number,
): Promise<FunctionErrorCode | undefined> {
  const limit = startTimer(limitMs);
  try {
    const port = await Promise.race([process.port, limit.reached]);
    if (port === "reached") return "IDLE_TIMEOUT";
    if (port === undefined) return CODE_OF_EXIT[await process.exited];
    const exchange = isSmall(request)
      ? proxySmallRequest({ request, response, path, port, connections: process.connections })
      : proxyRequest({ request, response, path, port, agent: process.agent });
    const outcome = await Promise.race([exchange.outcome, limit.reached]);
    if (outcome === "reached") {
      exchange.abort();
      return "IDLE_TIMEOUT";
    }
    return outcome === "broken" ? CODE_OF_EXIT[await causeOfExit(process)] : undefined;
  } finally {
    limit.clear();
  }
}

async function causeOfExit(process: FunctionProcess): Promise<ExitCause> {
  const wait = startTimer(EXIT_WAIT_MS);
  const cause = await Promise.race([process.exited, wait.reached]);
  wait.clear();
  return cause === "reached" ? "crash" : cause;
}

function startTimer(milliseconds: number): { reached: Promise<"reached">; clear: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const reached = new Promise<"reached">((resolve) => {
    timer = setTimeout(() => resolve("reached"), milliseconds);
  });
  return { reached, clear: () => clearTimeout(timer) };
}
