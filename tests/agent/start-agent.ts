import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";

const line = z.looseObject({ level: z.string(), event: z.string(), message: z.string() });
export type LogLine = z.infer<typeof line>;

/** The agent as its user runs it, with its log lines as they come. */
export class AgentProcess {
  readonly lines: LogLine[] = [];
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  stderr = "";
  readonly #watchers = new Set<() => void>();

  constructor(args: string[], env: Record<string, string> = {}) {
    this.child = spawn(process.execPath, ["--import", "tsx", "agent/main.ts", "--json", ...args], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child.stderr?.on("data", (bytes: Buffer) => {
      this.stderr += bytes;
    });
    if (this.child.stdout)
      createInterface({ input: this.child.stdout }).on("line", (text) => {
        this.lines.push(line.parse(JSON.parse(text)));
        for (const look of this.#watchers) look();
      });
    this.exit = once(this.child, "close").then(([code]) => code);
  }

  /** Resolves with the first line of an event, written before or from now on; rejects if the agent ends without. */
  until(event: string): Promise<LogLine> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.lines.find((one) => one.event === event);
        if (found !== undefined) resolve(found);
      };
      this.#watchers.add(look);
      look();
      void this.exit.then(() => reject(new Error(`No ${event} in:\n${JSON.stringify(this.lines)}\n${this.stderr}`)));
    });
  }
}

/** A machine for agents: their files, and an end to those that a test leaves running. */
export async function createMachine(url: () => string) {
  const folder = await mkdtemp(join(tmpdir(), "corral-agent-"));
  const running = new Set<AgentProcess>();
  return {
    folder,
    idFile: join(folder, "agent.json"),
    /** Starts an agent of its own, unless `--id-file` makes it another's. */
    start(args: string[] = [], env?: Record<string, string>): AgentProcess {
      const own = ["--url", url(), "--email", "owner@example.com", "--id-file", join(folder, "agent.json")];
      const agent = new AgentProcess([...own, "--work-dir", join(folder, "work"), "--memory-mb", "512", ...args], env);
      running.add(agent);
      void agent.exit.then(() => running.delete(agent));
      return agent;
    },
    /** A PATH that leads to one program, of one shell script, before those of the system. */
    async withProgram(name: string, script: string): Promise<string> {
      const bin = join(folder, "bin");
      await mkdir(bin, { recursive: true });
      await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      return `${bin}:${process.env.PATH}`;
    },
    async close() {
      for (const agent of running) agent.child.kill("SIGKILL");
      await Promise.all([...running].map(({ exit }) => exit));
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    },
  };
}

export type Machine = Awaited<ReturnType<typeof createMachine>>;
