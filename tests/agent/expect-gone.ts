import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect } from "vitest";

/** Waits until a process is no more; one that only waits to be buried counts as gone. */
export async function expectGone(pid: number): Promise<void> {
  expect(pid).toBeGreaterThan(0);
  for (;;) {
    // ps has nothing to say, and says so by its exit code, of a process that is not there.
    const { stdout } = await promisify(execFile)("ps", ["-o", "stat=", "-p", String(pid)]).catch(() => ({
      stdout: "",
    }));
    if (/^\s*(Z|X|$)/.test(stdout)) return;
  }
}
