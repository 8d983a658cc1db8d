import { readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { LOOPBACK } from "../listen.ts";

/** How long a server whose starter died may take to end before we call it running. */
const ENDING_LIMIT_MS = 10_000;
const POLL_MS = 50;

interface PidFile {
  pid: number;
  port: number;
}

/** Refuses a cluster that a living server holds, and clears away what a dead one has left. */
export async function ensureNotRunning(clusterDir: string): Promise<void> {
  const path = join(clusterDir, "postmaster.pid");
  const deadline = Date.now() + ENDING_LIMIT_MS;
  for (;;) {
    const file = await readPidFile(path);
    // Postgres itself replaces the file of a process that is gone.
    if (file === undefined || !isAlive(file.pid)) return;
    const state = await probe(file.port);
    if (state === "none") return rm(path, { force: true });
    if (state === "running" || Date.now() > deadline) {
      throw new Error(
        `Postgres (process ${file.pid}, port ${file.port}) already runs on ${clusterDir}. Stop it first.`,
      );
    }
    await delay(POLL_MS);
  }
}

/** Line 1 is the process id, line 4 the port (storage/lmgr and miscinit.c of Postgres). */
async function readPidFile(path: string): Promise<PidFile | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  const lines = text.split("\n");
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  return pid > 0 && port > 0 ? { pid, port } : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/**
 * Asks the port what lives there. A start-up packet for a database that nobody has gets an answer from any server:
 * 57P03 while it starts or ends, something else when it runs.
 */
function probe(port: number): Promise<"none" | "running" | "ending"> {
  return new Promise((resolve) => {
    const socket = connect(port, LOOPBACK);
    let answer = "";
    socket.setTimeout(1000, () => socket.destroy());
    socket.once("connect", () => socket.write(startupPacket()));
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
      socket.end();
    });
    socket.once("error", () => resolve("none"));
    socket.once("close", () => resolve(answer.includes("57P03") ? "ending" : "running"));
  });
}

function startupPacket(): Buffer {
  const body = Buffer.from("user\0corral\0database\0corral\0\0");
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + body.length, 0);
  head.writeInt32BE(0x0003_0000, 4);
  return Buffer.concat([head, body]);
}
