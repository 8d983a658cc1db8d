import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { fileURLToPath } from "node:url";
import type { Keys } from "../keys.ts";
import { lingerOnClose } from "../linger-on-close.ts";
import { closeServer, LOOPBACK, listen } from "../listen.ts";
import type { Log } from "../log.ts";
import { createAuthHandler } from "./auth/auth-handler.ts";
import { FunctionPool } from "./functions/function-pool.ts";
import { createFunctionsHandler, FUNCTIONS_PREFIX } from "./functions/functions-handler.ts";
import { readFunctionConfigs } from "./functions/read-function-configs.ts";
import { sendResponse, toRequest } from "./node-http.ts";
import { createRestHandler } from "./rest/rest-handler.ts";
import { createTokenVerifier } from "./tokens.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
/** Hosted functions must begin to answer within this time. */
const REQUEST_LIMIT_MS = 150_000;
/** How long what functions do in the background may hold up the end of the local cloud. */
const CLOSE_GRACE_MS = 1000;

export interface GatewayOptions {
  port: number;
  /** As role `authenticator`. */
  postgresUrl: string;
  adminUrl: string;
  /** As role `postgres`; functions get it as SUPABASE_DB_URL. */
  databaseUrl: string;
  keys: Keys;
  /** What functions find in their environment beside Supabase's own variables. */
  functionEnv: Record<string, string>;
  /** Holds supabase/config.toml and the functions; this repository by default. */
  projectDir?: string;
  requestLimitMs?: number;
  log: (part: string) => Log;
}

export interface Gateway {
  url: string;
  /** The process ids of the functions that run now. */
  functionPids(): number[];
  close(): Promise<void>;
}

type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Starts the one port of the Supabase API: functions, rest and auth. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { keys, projectDir = REPOSITORY } = options;
  const configs = await readFunctionConfigs(projectDir);
  const verify = createTokenVerifier(keys.jwks);

  const server = createServer();
  lingerOnClose(server);
  const port = await listen(server, "the gateway", options.port);
  const url = `http://${LOOPBACK}:${port}`;

  const rest = createRestHandler({ postgresUrl: options.postgresUrl, verify });
  const auth = createAuthHandler({
    postgresUrl: options.adminUrl,
    keys,
    issuerUrl: `${url}/auth/v1`,
    log: options.log("auth"),
  });
  const pool = new FunctionPool({ projectDir, env: functionEnvironment(options, url), log: options.log });
  const functions = createFunctionsHandler({
    configs,
    pool,
    verify,
    requestLimitMs: options.requestLimitMs ?? REQUEST_LIMIT_MS,
  });
  const routes: [prefix: string, handle: Handle][] = [
    [FUNCTIONS_PREFIX, functions],
    ["/rest/v1", async (request, response) => sendResponse(await rest.fetch(await toRequest(request, url)), response)],
    ["/auth/v1", async (request, response) => sendResponse(await auth.fetch(await toRequest(request, url)), response)],
  ];
  const log = options.log("gateway");
  server.on("request", (request, response) => {
    const path = request.url ?? "";
    const handle = routes.find(([prefix]) => isUnder(path, prefix))?.[1] ?? sendNoRoute;
    handle(request, response).catch((error: unknown) => {
      log(`${request.method} ${path}: ${error instanceof Error ? error.stack : error}`);
      sendJson(response, 500, { message: "An unexpected error occurred" });
    });
  });

  return {
    url,
    functionPids: () => pool.pids(),
    close: async () => {
      await closeServer(server);
      await Promise.all([pool.close(CLOSE_GRACE_MS), rest.close(), auth.close()]);
    },
  };
}

function functionEnvironment(options: GatewayOptions, url: string): Record<string, string> {
  const { keys } = options;
  return {
    SUPABASE_URL: url,
    SUPABASE_ANON_KEY: keys.anonKey,
    SUPABASE_SERVICE_ROLE_KEY: keys.serviceRoleKey,
    SUPABASE_DB_URL: options.databaseUrl,
    SUPABASE_JWKS: JSON.stringify(keys.jwks),
    ...options.functionEnv,
  };
}

function isUnder(path: string, prefix: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || "/?".includes(path.charAt(prefix.length)));
}

async function sendNoRoute(_request: IncomingMessage, response: ServerResponse): Promise<void> {
  sendJson(response, 404, { message: "no Route matched with those values" });
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
