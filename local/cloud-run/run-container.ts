import { spawn } from "node:child_process";
import { constants } from "node:os";
import { createInterface } from "node:readline";
import type { OrphanGuard } from "./orphan-guard.ts";

/** What a container gets between SIGTERM and SIGKILL. */
const GRACE_MS = 10_000;

export interface ContainerRun {
  /** Command and arguments; `node` is the Node that runs the stand-in, as the image would bring its own. */
  argv: string[];
  env: Record<string, string>;
  timeoutMs: number;
  /** Aborted: SIGTERM, ten seconds, SIGKILL. */
  signal: AbortSignal;
  guard: OrphanGuard;
  /** Told the process group's id, which is the id of its first process. */
  onStart: (pid: number) => void;
  onLine: (line: string) => void;
}

export type ContainerEnd =
  | { kind: "exited"; exitCode: number }
  | { kind: "killed"; termSignal: number }
  | { kind: "timed_out"; termSignal: number }
  | { kind: "not_started"; message: string };

/** Runs one attempt of a task as a child process in a process group of its own, which ends with its first process. */
export function runContainer(run: ContainerRun): Promise<ContainerEnd> {
  const [command = "", ...args] = run.argv;
  return new Promise((resolve) => {
    const child = spawn(command === "node" ? process.execPath : command, args, {
      env: run.env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const group = child.pid;
    if (group !== undefined) {
      run.guard.watch(group);
      run.onStart(group);
    }
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", run.onLine);

    let killTimer: NodeJS.Timeout | undefined;
    let timedOut = false;
    const stop = () => {
      if (killTimer !== undefined) return;
      child.kill("SIGTERM");
      killTimer = setTimeout(() => killGroup(group), GRACE_MS);
    };
    // Node's timers hold 31 bits of milliseconds, about 24 days: more than Cloud Run's longest timeout.
    const timeout = setTimeout(() => {
      timedOut = true;
      stop();
    }, run.timeoutMs);
    run.signal.addEventListener("abort", stop, { once: true });
    if (run.signal.aborted) stop();

    const settle = (end: ContainerEnd) => {
      clearTimeout(timeout);
      clearTimeout(killTimer);
      run.signal.removeEventListener("abort", stop);
      resolve(end);
    };
    child.once("error", (error) => {
      if (group === undefined) settle({ kind: "not_started", message: error.message });
    });
    child.once("exit", () => {
      killGroup(group);
      if (group !== undefined) run.guard.forget(group);
    });
    // "close" follows "exit" once the output is read to its end.
    child.once("close", (exitCode, signal) => {
      if (group === undefined) return;
      const termSignal = signal === null ? 0 : constants.signals[signal];
      if (timedOut) settle({ kind: "timed_out", termSignal: termSignal || constants.signals.SIGTERM });
      else if (exitCode === null) settle({ kind: "killed", termSignal });
      else settle({ kind: "exited", exitCode });
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
