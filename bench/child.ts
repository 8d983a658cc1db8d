import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface Child {
  /** The first line that it printed. */
  firstLine: string;
  stop(): Promise<void>;
}

/** Starts a process and resolves with its first line; one that ends without a line is an error. */
export async function startChild(file: string, task: unknown, nodeOptions: string[] = []): Promise<Child> {
  const child = spawn(process.execPath, [...nodeOptions, file, JSON.stringify(task)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const firstLine = await Promise.race([
    readLine(child),
    once(child, "exit").then(([code]) => Promise.reject(new Error(`${file} ended with ${code} before its first line`))),
  ]);
  return {
    firstLine,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.kill();
      await exited;
    },
  };
}

async function readLine({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error("no stdout");
  const [line] = await once(createInterface({ input: stdout }), "line");
  return String(line);
}
