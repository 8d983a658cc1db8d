import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OpenDuckdb, type OpenDuckdbOptions, openDuckdb } from "../../../jobs/snapshot/open-duckdb.ts";

/** A folder that is removed, with whatever was opened in it closed before. */
export async function openScratch() {
  const dir = await mkdtemp(join(tmpdir(), "corral-snapshot-test-"));
  const scratchDir = join(dir, "scratch");
  await mkdir(scratchDir);
  const opened: OpenDuckdb[] = [];
  return {
    dir,
    scratchDir,
    path: (name: string) => join(dir, name),
    async open(name: string | null, options: Partial<OpenDuckdbOptions> = {}): Promise<OpenDuckdb> {
      const path = name === null ? null : join(dir, name);
      const duckdb = await openDuckdb({ path, scratchDir, memoryMb: 256, threads: 2, ...options });
      opened.push(duckdb);
      return duckdb;
    },
    async close() {
      for (const duckdb of opened) await duckdb.close();
      await rm(dir, { recursive: true });
    },
  };
}

export type Scratch = Awaited<ReturnType<typeof openScratch>>;

export const UNSTOPPED = new AbortController().signal;
