import { readFileSync } from "node:fs";

const POLL_MS = 25;

/** Follows the containers that run while `work` does; resolves to its result and the most memory that one of them held, in bytes. */
export async function watchMemory<T>(
  containerPids: () => number[],
  work: () => Promise<T>,
): Promise<{ result: T; peakBytes: number }> {
  let peakBytes = 0;
  const timer = setInterval(() => {
    for (const pid of containerPids()) peakBytes = Math.max(peakBytes, peakOf(pid));
  }, POLL_MS);
  try {
    return { result: await work(), peakBytes };
  } finally {
    clearInterval(timer);
  }
}

/** 0 for a process that is gone, or where there is no /proc. */
function peakOf(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
