import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGateway } from "../../../local/gateway/start-gateway.ts";
import { type Keys, loadKeys } from "../../../local/keys.ts";
import { closeServer, LOOPBACK, listen } from "../../../local/listen.ts";
import type { TestDatabase } from "../../setup/database.ts";

type Database = Pick<TestDatabase, "url" | "adminUrl" | "authenticatorUrl">;

const NOBODY = "postgres://nobody@127.0.0.1:1/none";
/** Nothing listens there: functions alone need no Postgres. */
const NO_DATABASE: Database = { url: NOBODY, adminUrl: NOBODY, authenticatorUrl: NOBODY };

export interface ServedFunctions {
  /** Base URL of the functions. */
  url: string;
  keys: Keys;
  /** What functions and gateway logged, as `name: line`. */
  lines: string[];
  projectDir: string;
  close(): Promise<void>;
}

export interface ServeOptions {
  env?: Record<string, string>;
  requestLimitMs?: number;
  /** Functions whose callers the gateway checks. */
  verifyJwt?: string[];
  database?: Database;
}

/** Writes functions, given as source by name, into a project folder of their own. */
async function writeProject(sources: Record<string, string>, verifyJwt: string[] = []): Promise<string> {
  const projectDir = await mkdtemp(join(tmpdir(), "corral-functions-"));
  const blocks: string[] = [];
  for (const [name, source] of Object.entries(sources)) {
    await mkdir(join(projectDir, "functions", name), { recursive: true });
    await writeFile(join(projectDir, "functions", name, "index.ts"), source);
    blocks.push(
      `[functions.${name}]\nverify_jwt = ${verifyJwt.includes(name)}\nentrypoint = "../functions/${name}/index.ts"\n`,
    );
  }
  await mkdir(join(projectDir, "supabase"));
  await writeFile(join(projectDir, "supabase", "config.toml"), blocks.join("\n"));
  return projectDir;
}

/** Serves functions, given as source by name, through a gateway of their own. */
export async function serveFunctions(
  sources: Record<string, string>,
  options: ServeOptions = {},
): Promise<ServedFunctions> {
  const { database = NO_DATABASE } = options;
  const projectDir = await writeProject(sources, options.verifyJwt);
  const keys = await loadKeys(projectDir);
  const lines: string[] = [];
  const gateway = await startGateway({
    port: 0,
    postgresUrl: database.authenticatorUrl,
    adminUrl: database.adminUrl,
    databaseUrl: database.url,
    keys,
    functionEnv: options.env ?? {},
    projectDir,
    ...(options.requestLimitMs === undefined ? {} : { requestLimitMs: options.requestLimitMs }),
    log: (part) => (line) => lines.push(`${part}: ${line}`),
  });
  return {
    url: `${gateway.url}/functions/v1`,
    keys,
    lines,
    projectDir,
    close: async () => {
      await gateway.close();
      await rm(projectDir, { recursive: true, force: true });
    },
  };
}

export interface Beacon {
  url: string;
  /** The next call to that path, past or future; the caller waits until the test answers it. */
  reached(path: string): Promise<ServerResponse>;
  close(): Promise<void>;
}

/** A server that functions call to say how far they are, and where a test can hold them. */
export async function startBeacon(): Promise<Beacon> {
  const calls = new Map<string, ServerResponse[]>();
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    calls.set(path, [...(calls.get(path) ?? []), response]);
    server.emit("reached");
  });
  const port = await listen(server, "the beacon", 0);
  return {
    url: `http://${LOOPBACK}:${port}`,
    async reached(path) {
      for (;;) {
        const response = calls.get(path)?.shift();
        if (response !== undefined) return response;
        await once(server, "reached");
      }
    },
    close: () => closeServer(server),
  };
}
