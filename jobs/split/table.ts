import type { TabularFormat } from "../tabular/tabular-format.ts";
import type { ByteSource } from "./byte-source.ts";
import type { ChunkStore } from "./chunk-store.ts";
import type { ChunkPlan } from "./plan-chunks.ts";
import type { ReadWatch } from "./read-watch.ts";

/** Data in rows that can be read as often as need be. */
export interface Table {
  readonly format: TabularFormat;
  readonly source: ByteSource;
  /** Counts the rows, and refuses the table where it breaks its format's rules. */
  countRows(watch: ReadWatch): Promise<number>;
  /** Writes the rows into a plan's chunks. */
  writeChunks(plan: ChunkPlan, store: ChunkStore, watch: ReadWatch): Promise<void>;
}
