import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const AGENT = fileURLToPath(new URL("../../agent/main.ts", import.meta.url));
/** A silent agent loses its tasks after three of these. */
const HEARTBEAT_SECONDS = 1;

const logLine = z.object({ event: z.string(), message: z.string(), task_id: z.number().optional() });
export type AgentEvent = z.infer<typeof logLine> & { agent: string };

export interface AgentFleet {
  kill(agent: string): void;
  /** Stops those that are left, as Ctrl-C would. */
  close(): Promise<void>;
}

/** Starts reference agents, each a process of its own with a folder of its own. */
export async function startAgents(
  names: string[],
  { url, email }: { url: string; email: string },
  onEvent: (event: AgentEvent) => void,
): Promise<AgentFleet> {
  const folder = await mkdtemp(join(tmpdir(), "corral-agents-"));
  const agents = new Map(
    names.map((name) => {
      const own = join(folder, name);
      const child = spawn(
        process.execPath,
        [
          ...["--import", "tsx", AGENT, "--url", url, "--email", email, "--json"],
          ...["--heartbeat-interval", String(HEARTBEAT_SECONDS), "--memory-mb", "512"],
          ...["--id-file", join(own, "agent.json"), "--work-dir", join(own, "work")],
        ],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      createInterface({ input: child.stdout }).on("line", (line) => {
        onEvent({ ...logLine.parse(JSON.parse(line)), agent: name });
      });
      return [name, child] as const;
    }),
  );
  return {
    kill: (agent) => void agents.get(agent)?.kill("SIGKILL"),
    async close() {
      await Promise.all([...agents.values()].map(stop));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await exited;
}
