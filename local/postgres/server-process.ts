import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { closeServer, LOOPBACK, listen } from "../listen.ts";
import type { Log } from "../log.ts";
import type { OsUser } from "./os-user.ts";

export interface ServerOptions {
  executable: string;
  clusterDir: string;
  socketDir: string;
  /** 0 asks for any free port. */
  port: number;
  user: OsUser | undefined;
  log?: Log | undefined;
}

export interface ServerProcess {
  port: number;
  stop(): Promise<void>;
  /** Ends it as a crash would, with a word to nobody; resolves once it is gone. */
  kill(): Promise<void>;
}

const READY = "database system is ready to accept connections";
/** After this long a fast shutdown becomes an immediate one; the write-ahead log makes that safe. */
const SHUTDOWN_LIMIT_MS = 10_000;
const LINES_KEPT_FOR_ERRORS = 20;
const ATTEMPTS = 20;
const ATTEMPT_PAUSE_MS = 250;

const SETTINGS = {
  listen_addresses: LOOPBACK,
  max_connections: "200",
  // Only this level and above: errors of statements belong to their clients.
  log_min_messages: "log",
  log_checkpoints: "off",
  log_line_prefix: "",
  timezone: "UTC",
  log_timezone: "UTC",
  statement_timeout: "120s",
};

/** Starts a server on an initialised cluster and resolves once it takes connections. */
export async function startServerProcess(options: ServerOptions): Promise<ServerProcess> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (attempt === ATTEMPTS || !isPassing(error, options.port)) throw error;
      await delay(ATTEMPT_PAUSE_MS);
    }
  }
}

/** Troubles that end by themselves: a free port that somebody else took first, and children that outlive a killed server. */
function isPassing(error: unknown, wantedPort: number): boolean {
  if (!(error instanceof Error)) return false;
  if (error.message.includes("pre-existing shared memory block")) return true;
  return wantedPort === 0 && error.message.includes("Address already in use");
}

async function startOnce(options: ServerOptions): Promise<ServerProcess> {
  const port = await findPort(options.port);
  const settings = { ...SETTINGS, port: String(port), unix_socket_directories: options.socketDir };
  const server = spawn(
    options.executable,
    ["-D", options.clusterDir, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
    // A group of its own: Ctrl-C is for us, who stop the server after those that use it.
    { detached: true, cwd: options.clusterDir, env: serverEnv(), stdio: ["ignore", "ignore", "pipe"], ...options.user },
  );
  const watcher = watch(server, options.user);
  const exited = new Promise<void>((resolve) =>
    server.once("close", () => {
      watcher.kill("SIGKILL");
      resolve();
    }),
  );
  await untilReady(server, options.log);

  let stopping = false;
  server.once("close", (code) => {
    if (!stopping) options.log?.(`Postgres has ended unexpectedly with exit code ${code}`);
  });
  return {
    port,
    stop: async () => {
      stopping = true;
      server.kill("SIGINT");
      const impatience = setTimeout(() => server.kill("SIGQUIT"), SHUTDOWN_LIMIT_MS);
      await exited;
      clearTimeout(impatience);
    },
    kill: async () => {
      stopping = true;
      server.kill("SIGKILL");
      await exited;
    },
  };
}

/** What Postgres programs need from the environment, and nothing of ours. */
export function serverEnv(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, LC_ALL: "C" };
}

async function findPort(wanted: number): Promise<number> {
  const probe = createServer();
  const port = await listen(probe, "Postgres", wanted);
  await closeServer(probe);
  return port;
}

function untilReady(server: ChildProcess, log: Log | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const lines: string[] = [];
    server.once("error", reject);
    server.once("close", () => reject(new Error(`Postgres did not start:\n${lines.join("\n")}`)));
    if (server.stderr === null) return;
    createInterface({ input: server.stderr }).on("line", (line) => {
      lines.push(line);
      if (lines.length > LINES_KEPT_FOR_ERRORS) lines.shift();
      if (line.includes(READY)) resolve();
      else if (/^(FATAL|PANIC):/.test(line) && !line.includes("terminating connection")) log?.(line);
    });
  });
}

/** Stops the server when we die without having done so: the pipe between us and the watcher closes by itself. */
function watch(server: ChildProcess, user: OsUser | undefined): ChildProcess {
  const watcher = spawn("/bin/sh", ["-c", 'read -r line; kill -INT "$0"', String(server.pid)], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
    ...user,
  });
  watcher.once("error", () => undefined);
  watcher.unref();
  return watcher;
}

/** Runs a program of the server to its end; its output is part of the error when it fails. */
export async function runServerProgram(executable: string, args: string[], cwd: string, user?: OsUser): Promise<void> {
  const child = spawn(executable, args, { cwd, env: serverEnv(), stdio: ["ignore", "pipe", "pipe"], ...user });
  const output: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => output.push(chunk));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${executable} failed with exit code ${code}:\n${Buffer.concat(output)}`);
}
