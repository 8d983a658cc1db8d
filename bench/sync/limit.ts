import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import { Storage } from "@google-cloud/storage";
import { z } from "zod";
import type { CloudInfo } from "../../local/cloud.ts";
import { startChild } from "../child.ts";
import { median } from "../statistics.ts";

const COPY_FILE = fileURLToPath(new URL("bare-copy.ts", import.meta.url));
const copied = z.object({ seconds: z.number() });

export interface CopyOptions {
  table: string;
  threads: number;
  rounds: number;
}

/**
 * The seconds that DuckDB by itself takes to copy a table from Parquet into a file of its own, the median of several
 * rounds: the same rows and types as the newest snapshot of the table, with as many threads, checkpoint included.
 */
export async function timeBareCopy(info: CloudInfo, { table, threads, rounds }: CopyOptions): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "corral-limit-"));
  try {
    const bucket = new Storage({ apiEndpoint: info.storage_endpoint, projectId: "bench" }).bucket(info.bucket);
    const [files] = await bucket.getFiles({ prefix: `snapshots/PUBLIC/${table}/` });
    const snapshot = files.filter(({ name }) => name.endsWith("/table.duckdb")).at(-1);
    if (snapshot === undefined) throw new Error(`${table} has no snapshot`);
    const destination = join(folder, "snapshot.duckdb");
    await snapshot.download({ destination });
    const parquet = join(folder, "rows.parquet");
    await writeParquet(destination, parquet);
    const seconds: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const task = { parquet, file: join(folder, `copy-${round}.duckdb`), threads };
      const child = await startChild(COPY_FILE, task, ["--import", "tsx"]);
      seconds.push(copied.parse(JSON.parse(child.firstLine)).seconds);
    }
    return median(seconds);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function writeParquet(snapshot: string, file: string): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(`ATTACH '${snapshot}' AS snapshot (READ_ONLY)`);
  await connection.run(`COPY snapshot.data TO '${file}' (FORMAT parquet, COMPRESSION snappy)`);
  connection.closeSync();
  instance.closeSync();
}
