import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { Storage } from "@google-cloud/storage";
import type { Cloud } from "../../local/cloud.ts";

export interface DirectDuckdb {
  /** Runs a query in this process and reads all of its rows; resolves to milliseconds. */
  run(sql: string): Promise<number>;
  close(): Promise<void>;
}

/** Opens the newest snapshots of tables with DuckDB itself, as somebody would who has the files at hand. */
export async function openDirect({ info }: Cloud, tables: string[], threads: number): Promise<DirectDuckdb> {
  const folder = await mkdtemp(join(tmpdir(), "corral-direct-"));
  const bucket = new Storage({ apiEndpoint: info.storage_endpoint, projectId: "bench" }).bucket(info.bucket);
  const instance = await DuckDBInstance.create(":memory:", { threads: String(threads) });
  const connection = await instance.connect();
  for (const table of tables) {
    const [files] = await bucket.getFiles({ prefix: `snapshots/PUBLIC/${table}/` });
    const file = files.filter(({ name }) => name.endsWith("/table.duckdb")).at(-1);
    if (file === undefined) throw new Error(`${table} has no snapshot`);
    const destination = join(folder, `${table}.duckdb`);
    await file.download({ destination });
    await connection.run(`attach '${destination}' as "${table}_file" (read_only)`);
    await connection.run(`create view "${table}" as from "${table}_file".data`);
  }
  return {
    async run(sql) {
      const startedAt = performance.now();
      const reader = await connection.runAndReadAll(sql);
      reader.getRowsJson();
      return performance.now() - startedAt;
    },
    async close() {
      connection.closeSync();
      instance.closeSync();
      await rm(folder, { recursive: true });
    },
  };
}
