import { readdir, readFile } from "node:fs/promises";

/** What a process starts while it is looked for shows up in the next round; one that hangs in the kernel never goes. */
const MAX_ROUNDS = 5;

/**
 * Kills what a script has left running, in whatever session: the processes of this user that call a task's folder their
 * HOME. Only Linux tells of the environment of other processes; elsewhere none are found.
 */
export async function endStrays(folder: string): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const strays = await findStrays(folder);
    if (strays.length === 0) return;
    for (const pid of strays) kill(pid);
  }
}

async function findStrays(folder: string): Promise<number[]> {
  const names = await readdir("/proc").catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const are = await Promise.all(pids.map((pid) => hasHome(pid, folder)));
  return pids.filter((_, index) => are[index]);
}

async function hasHome(pid: number, folder: string): Promise<boolean> {
  // That of another user's process is not to be read, and one that has ended has none.
  const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
  return environment.split("\0").includes(`HOME=${folder}`);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
