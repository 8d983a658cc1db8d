import { spawn } from "node:child_process";

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

export interface ScriptRun {
  argv: string[];
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

/** Runs a command in a process group of its own, which ends with its first process, with the signal, and with us. */
export function runScript({ argv, cwd, env, memoryMb, signal, createSink }: ScriptRun): Promise<ScriptEnd> {
  return new Promise((resolve) => {
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
    const settle = (end: ScriptEnd) => {
      signal.removeEventListener("abort", kill);
      resolve(end);
    };
    child.once("error", ({ message }) => {
      if (child.pid === undefined) settle({ kind: "not_started", message });
    });
    child.once("exit", kill);
    // "close" follows "exit" once the output is read to its end.
    child.once("close", (code, termSignal) => {
      child.stdio[3]?.destroy();
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
