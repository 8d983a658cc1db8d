import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { endStrays } from "./stray-processes.ts";

/**
 * Sets the memory limit, then becomes the command. Descriptor 3 is a pipe from the agent: when that ends, even by
 * SIGKILL, a shell that waits at its other end kills the whole process group. Where the system refuses the limit, a
 * stricter one is in force already.
 */
const PREPARE = `ulimit -c 0 2>/dev/null
ulimit -d "$1" 2>/dev/null
shift
(read -r _; kill -KILL 0) <&3 >/dev/null 2>&1 &
exec "$@" 3<&-`;

/** How long output is waited for once all are killed; whoever holds it open longer could not be found. */
const LAST_WORDS_MS = 1000;
/** How long a killed process is waited for: one that hangs in the kernel, or is another user's, may outlive SIGKILL. */
const DEATH_MS = 5000;

export interface ScriptRun {
  argv: string[];
  /** Its own folder, which its environment calls HOME: by that its strays are known. */
  cwd: string;
  /** All of its environment. */
  env: Record<string, string>;
  memoryMb: number;
  /** Aborted: the process group is killed. */
  signal: AbortSignal;
  /** Makes a sink for each of the two output streams. */
  createSink: () => (bytes: Buffer) => void;
}

export type ScriptEnd =
  | { kind: "exited"; code: number }
  | { kind: "killed"; signal: NodeJS.Signals }
  | { kind: "not_started"; message: string };

/**
 * Runs a command in a process group of its own, which ends with its first process, with the signal, and with us; so does
 * what has left the group, where it can be found. Whatever stays holds up nothing.
 */
export async function runScript({ argv, cwd, env, memoryMb, signal, createSink }: ScriptRun): Promise<ScriptEnd> {
  const child = spawn("/bin/sh", ["-c", PREPARE, "sh", String(memoryMb * 1024), ...argv], {
    cwd,
    env,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    detached: true,
  });
  const kill = () => killGroup(child.pid);
  child.stdout?.on("data", createSink());
  child.stderr?.on("data", createSink());
  // The end of the pipe that the shell waits at breaks when the group is killed.
  child.stdio[3]?.on("error", () => undefined);
  signal.addEventListener("abort", kill, { once: true });
  if (signal.aborted) kill();
  // "close" follows "exit" once the output is read to its end.
  const closed = once(child, "close").catch(() => undefined);
  try {
    const end = await untilEnded(child, signal);
    if (end.kind === "not_started") return end;
    kill();
    await endStrays(cwd);
    await Promise.race([closed, sleep(LAST_WORDS_MS, undefined, { ref: false })]);
    return end;
  } finally {
    signal.removeEventListener("abort", kill);
    for (const stream of child.stdio) stream?.destroy();
  }
}

/** How the first process ended; as killed when it should have long after the signal. */
function untilEnded(child: ChildProcess, signal: AbortSignal): Promise<ScriptEnd> {
  return new Promise((resolve) => {
    let deadline: NodeJS.Timeout | undefined;
    const expectDeath = () => {
      deadline = setTimeout(() => settle({ kind: "killed", signal: "SIGKILL" }), DEATH_MS);
    };
    const settle = (end: ScriptEnd) => {
      clearTimeout(deadline);
      signal.removeEventListener("abort", expectDeath);
      resolve(end);
    };
    signal.addEventListener("abort", expectDeath, { once: true });
    if (signal.aborted) expectDeath();
    child.once("error", ({ message }) => {
      if (child.pid === undefined) settle({ kind: "not_started", message });
    });
    child.once("exit", (code, termSignal) => {
      if (termSignal !== null) settle({ kind: "killed", signal: termSignal });
      else if (code !== null) settle({ kind: "exited", code });
    });
  });
}

function killGroup(group: number | undefined): void {
  if (group === undefined) return;
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // The group is empty: its last process has ended.
  }
}
