import { totalmem } from "node:os";
import { MAX_HELD_BYTES } from "./child-pool.ts";
import { OVERHEAD_MB } from "./child-process.ts";

const MB = 1024 * 1024;
const GB = 1024 * MB;
/** What the runner takes itself. */
const RUNNER_BYTES = 256 * MB;
/** What a process that waits for a query takes. */
const WARM_CHILD_BYTES = 96 * MB;
const CACHE_SHARE = 4;
const SPOOL_SHARE = 8;
const MAX_SPOOL_BYTES = 2 * GB;

export interface MemoryNeeds {
  concurrency: number;
  /** A query's. */
  memoryMb: number;
  warmChildren: number;
  /** Undefined for as much as is fit. */
  cacheBytes: number | undefined;
}

export interface MemoryPlan {
  cacheBytes: number;
  /** For the rows of a Parquet result as text. */
  maxSpoolBytes: number;
  /** Why this is more than there is. */
  warning: string | undefined;
}

/** What the container may take, its disk included where that is memory: by its cgroup, or else all that there is. */
export function containerMemory(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/** Shares out a container's memory, of which its disk may be a part. */
export function planMemory(limit: number, needs: MemoryNeeds): MemoryPlan {
  const { concurrency, memoryMb, warmChildren } = needs;
  const cacheBytes = needs.cacheBytes ?? Math.floor(limit / CACHE_SHARE);
  const maxSpoolBytes = Math.min(MAX_SPOOL_BYTES, Math.floor(limit / SPOOL_SHARE));
  const queries = concurrency * (memoryMb + OVERHEAD_MB) * MB;
  const waiting = warmChildren * WARM_CHILD_BYTES + concurrency * MAX_HELD_BYTES;
  const needed = RUNNER_BYTES + queries + waiting + cacheBytes + maxSpoolBytes;
  const warning =
    needed <= limit
      ? undefined
      : `warning: queries may take ${toGb(needed)} GB of the container's ${toGb(limit)} GB: ` +
        `${concurrency} at a time with ${memoryMb} + ${OVERHEAD_MB} MB each, ${warmChildren} processes that wait, ` +
        `${toGb(cacheBytes)} GB of snapshots, ${toGb(maxSpoolBytes)} GB for a Parquet result. Lower QUERY_CONCURRENCY, ` +
        "QUERY_MEMORY_MB, QUERY_WARM_CHILDREN or QUERY_CACHE_BYTES, or give the container more memory.";
  return { cacheBytes, maxSpoolBytes, warning };
}

const toGb = (bytes: number) => (bytes / GB).toFixed(1);
