import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { Storage } from "@google-cloud/storage";
import type { CloudInfo } from "../../local/cloud.ts";

/**
 * The seconds that DuckDB by itself takes to copy a table from Parquet into a file of its own: the same rows and types
 * as the newest snapshot of the table, with as many threads, checkpoint included.
 */
export async function timeBareCopy(info: CloudInfo, table: string, threads: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "corral-limit-"));
  try {
    const bucket = new Storage({ apiEndpoint: info.storage_endpoint, projectId: "bench" }).bucket(info.bucket);
    const [files] = await bucket.getFiles({ prefix: `snapshots/PUBLIC/${table}/` });
    const snapshot = files.filter(({ name }) => name.endsWith("/table.duckdb")).at(-1);
    if (snapshot === undefined) throw new Error(`${table} has no snapshot`);
    const destination = join(folder, "snapshot.duckdb");
    await snapshot.download({ destination });
    const instance = await DuckDBInstance.create(":memory:", { threads: String(threads) });
    const connection = await instance.connect();
    const parquet = join(folder, "rows.parquet");
    await connection.run(`ATTACH '${destination}' AS snapshot (READ_ONLY)`);
    await connection.run(`COPY snapshot.data TO '${parquet}' (FORMAT parquet, COMPRESSION snappy)`);
    const startedAt = performance.now();
    await connection.run(`ATTACH '${join(folder, "copy.duckdb")}' AS copy`);
    await connection.run(`CREATE TABLE copy.data AS FROM read_parquet('${parquet}')`);
    await connection.run("CHECKPOINT copy");
    const seconds = (performance.now() - startedAt) / 1000;
    connection.closeSync();
    instance.closeSync();
    return seconds;
  } finally {
    await rm(folder, { recursive: true });
  }
}
