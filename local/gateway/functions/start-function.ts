import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { Agent } from "node:http";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Log } from "../../log.ts";
import { Connections } from "./connections.ts";
import { denoBinary, denoEnvironment, denoModuleArguments } from "./deno-command.ts";
import type { FunctionConfig } from "./read-function-configs.ts";
import { DRAIN_COMMAND, MEMORY_LIMIT_BYTES, MEMORY_LIMIT_EXIT_CODE, READY_MARK } from "./runtime-protocol.ts";

const RUNTIME = fileURLToPath(new URL("runtime.ts", import.meta.url));

/** Why a process is no more: `boot` before it listened, `memory` beyond its limit, `crash` for the rest. */
export type ExitCause = "boot" | "memory" | "crash";

/** One Deno process that serves one function. */
export interface FunctionProcess {
  name: string;
  pid: number | undefined;
  /** The loopback port it listens on, or undefined when it ended before it listened. */
  port: Promise<number | undefined>;
  exited: Promise<ExitCause>;
  /** Keeps connections to this process open between requests. */
  agent: Agent;
  /** The same for requests that are small. */
  connections: Connections;
  /** Lets it finish what is under way for so many milliseconds, then kills it; resolves once it is gone. */
  stop(graceMs: number): Promise<void>;
}

export interface FunctionHost {
  /** Holds supabase/, functions/, shared/ and node_modules/. */
  projectDir: string;
  /** The function's whole environment. */
  env: Record<string, string>;
  log: Log;
}

/** Starts a function with what the hosted edge runtime allows: network, its own code, 256 MB, nothing else. */
export function startFunction(config: FunctionConfig, host: FunctionHost): FunctionProcess {
  const child = spawn(denoBinary(), denoArguments(config, host.projectDir), {
    cwd: host.projectDir,
    env: { ...denoEnvironment(), ...host.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  // The pipe breaks when the process ends first; its exit says so better.
  child.stdin.on("error", () => undefined);
  let listening = false;
  let heapWasFull = false;
  const exited = new Promise<ExitCause>((resolve) => {
    child.once("error", (error) => host.log(`cannot start Deno: ${error.message}`));
    child.once("close", (code, signal) => {
      agent.destroy();
      connections.close();
      const memory = code === MEMORY_LIMIT_EXIT_CODE || (heapWasFull && signal !== null);
      resolve(memory ? "memory" : listening ? "crash" : "boot");
    });
  });
  const agent = new Agent({ keepAlive: true, noDelay: true });
  const connections = new Connections();
  const port = new Promise<number | undefined>((resolve) => {
    eachLine(child.stdout, (line) => {
      const mark = line.indexOf(READY_MARK);
      if (mark < 0) return host.log(line);
      if (mark > 0) host.log(line.slice(0, mark));
      listening = true;
      resolve(Number(line.slice(mark + READY_MARK.length)));
    });
    exited.then(() => resolve(undefined));
  });
  eachLine(child.stderr, (line) => {
    heapWasFull ||= line.includes("Fatal JavaScript out of memory");
    host.log(line);
  });
  return {
    name: config.name,
    pid: child.pid,
    port,
    exited,
    agent,
    connections,
    stop: (graceMs) => stop(child, exited, graceMs),
  };
}

function denoArguments(config: FunctionConfig, projectDir: string): string[] {
  const readable = ["functions", "shared", "node_modules"]
    .map((folder) => join(projectDir, folder))
    .concat(dirname(config.entrypoint))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => [folder, realpathSync(folder)]);
  return [
    "run",
    ...denoModuleArguments(config.importMap),
    "--no-prompt",
    "--allow-net",
    "--allow-env",
    `--allow-read=${[...new Set(readable)].join(",")}`,
    "--deny-write",
    "--deny-run",
    "--deny-ffi",
    `--v8-flags=--max-old-space-size=${MEMORY_LIMIT_BYTES / 1024 / 1024}`,
    RUNTIME,
    pathToFileURL(config.entrypoint).href,
  ];
}

function eachLine(stream: Readable, take: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on("line", take);
}

async function stop(child: ChildProcess, exited: Promise<unknown>, graceMs: number): Promise<void> {
  child.stdin?.write(DRAIN_COMMAND);
  const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
  await exited;
  clearTimeout(timer);
}
