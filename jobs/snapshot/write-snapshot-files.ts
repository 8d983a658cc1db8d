import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { askDuckdbOnce } from "./ask-duckdb.ts";
import { type Profile, takeProfile } from "./profile.ts";
import { type Sample, takeSample } from "./sample.ts";
import type { SnapshotColumn } from "./snapshot-column.ts";

export interface SnapshotFilesOptions {
  /** Its `data` is the snapshot's table. */
  connection: DuckDBConnection;
  /** Where sample.json and profile.json are written. */
  dir: string;
  version: string;
  columns: SnapshotColumn[];
  /** How large table.duckdb is. */
  sizeBytes: number;
  /** Which rows the random sample holds. */
  seed: number;
  signal: AbortSignal;
  /** Told how many of the columns are profiled. */
  onProgress?: (done: number, total: number) => void;
}

/** Writes sample.json and profile.json of a snapshot, with memory that does not grow with its rows. */
export async function writeSnapshotFiles(options: SnapshotFilesOptions): Promise<{ sample: Sample; profile: Profile }> {
  const { connection, dir, signal } = options;
  const [count] = await askDuckdbOnce(connection, "SELECT count(*) FROM data", signal);
  const totalRows = Number(count);
  const sample = await takeSample({ ...options, totalRows });
  const profile = await takeProfile({ ...options, totalRows });
  await writeFile(join(dir, "sample.json"), JSON.stringify(sample));
  await writeFile(join(dir, "profile.json"), JSON.stringify(profile));
  return { sample, profile };
}
