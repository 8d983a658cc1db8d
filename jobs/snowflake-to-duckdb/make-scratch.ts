import { mkdtemp, readdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

/**
 * Makes an empty folder for one sync, and removes those of processes of this machine that were killed. A process makes
 * one: what bears its own number is of an earlier one, since the numbers begin anew with each container.
 */
export async function makeScratch(parent: string): Promise<string> {
  const ours = `corral-sync-${hostname()}-`;
  for (const name of await readdir(parent)) {
    const [, pid] = name.startsWith(ours) ? (/^(\d+)-/.exec(name.slice(ours.length)) ?? []) : [];
    if (pid !== undefined && !isOthers(Number(pid))) await rm(join(parent, name), { recursive: true, force: true });
  }
  return mkdtemp(join(parent, `${ours}${process.pid}-`));
}

/** Whether another process of this number is there. */
function isOthers(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Whatever it is, it is there if it must not be signalled.
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}
