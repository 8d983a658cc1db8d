import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const MIB = 1024 * 1024;
const YOUNG_INTERVAL_BYTES = 8 * MIB;
/** Buffers that lived long enough to count as old are left to a full collection, which takes some ten milliseconds. */
const FULL_INTERVAL_BYTES = 64 * MIB;
const TOLERATED_BUFFER_BYTES = 24 * MIB;

/**
 * Returns a counter of streamed bytes that collects garbage as they pass. V8 sees only the small handles of network
 * buffers, and lets tens of megabytes of them pile up before it looks. Measured with 2 GiB over 8 connections, six runs
 * each in turn on a busy machine: resident memory peaks at 117–135 MB with this and at 137–157 MB without; the median
 * rates (274 and 280 MB/s) are less apart than the runs.
 */
export function steadyMemory(): (bytes: number) => void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  let sinceYoung = 0;
  let sinceFull = 0;
  return (bytes) => {
    sinceYoung += bytes;
    sinceFull += bytes;
    if (sinceYoung < YOUNG_INTERVAL_BYTES || typeof collect !== "function") return;
    sinceYoung = 0;
    collect({ type: "minor" });
    if (sinceFull < FULL_INTERVAL_BYTES || process.memoryUsage().arrayBuffers < TOLERATED_BUFFER_BYTES) return;
    sinceFull = 0;
    collect();
  };
}
