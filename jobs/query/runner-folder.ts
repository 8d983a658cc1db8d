import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** A new folder for this process below another one, from which those of processes that are gone are removed. */
export async function openRunnerFolder(parent: string): Promise<string> {
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    const pid = Number(/^runner-(\d+)-/.exec(name)?.[1]);
    if (pid > 0 && !isRunning(pid)) await rm(join(parent, name), { recursive: true, force: true });
  }
  return mkdtemp(join(parent, `runner-${process.pid}-`));
}

/** Whether another process has that number; this one has had no folder yet. */
function isRunning(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // What may not be signalled is there.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
