import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bucket } from "@google-cloud/storage";
import { openDuckdb } from "../../../jobs/snapshot/open-duckdb.ts";

/** What a sync would have left: a snapshot of what a SELECT makes; its folder is below `snapshots/`. */
export async function storeSnapshot(bucket: Bucket, folder: string, select: string) {
  const dir = await mkdtemp(join(tmpdir(), "corral-snapshot-"));
  try {
    const path = join(dir, "table.duckdb");
    const duckdb = await openDuckdb({ path, scratchDir: dir, memoryMb: 512, threads: 2 });
    await duckdb.connection.run(`CREATE TABLE data AS ${select}`);
    const described = await duckdb.connection.runAndReadAll("DESCRIBE data");
    const counted = await duckdb.connection.runAndReadAll("SELECT count(*) FROM data");
    await duckdb.close();
    await bucket.upload(path, { destination: `snapshots/${folder}/table.duckdb` });
    return {
      columns: described.getRows().map(([name, type]) => ({ name: String(name), type: String(type) })),
      rowCount: Number(counted.getRows()[0]?.[0]),
      sizeBytes: (await stat(path)).size,
    };
  } finally {
    await rm(dir, { recursive: true });
  }
}
