import { execFile } from "node:child_process";
import { totalmem } from "node:os";
import { promisify } from "node:util";

const GPU_QUERY_TIMEOUT_MS = 10_000;

export interface Hardware {
  /** Such as "NVIDIA RTX 4090"; null where nvidia-smi finds nothing or is not there. */
  gpuModel: string | null;
  memoryBytes: number;
}

/** What this machine has to offer; in a container, the container's share of its memory. */
export async function detectHardware(): Promise<Hardware> {
  // 0 or an absurd number where nothing constrains the process.
  const constrained = process.constrainedMemory();
  const memoryBytes = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  return { gpuModel: await detectGpu(), memoryBytes };
}

/** Memory as agents tell it, such as "62.7GB". */
export function describeMemory(bytes: number): string {
  return `${Math.round((bytes / 2 ** 30) * 10) / 10}GB`;
}

async function detectGpu(): Promise<string | null> {
  try {
    const query = ["--query-gpu=name", "--format=csv,noheader"];
    const { stdout } = await promisify(execFile)("nvidia-smi", query, { timeout: GPU_QUERY_TIMEOUT_MS });
    return stdout.split("\n")[0]?.trim() || null;
  } catch {
    return null;
  }
}
