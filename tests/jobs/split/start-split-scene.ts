import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nativeCrc32c } from "../../../jobs/native-crc32c.ts";
import type { StoredChunk } from "../../../jobs/split/chunk-store.ts";
import { type SplitDeps, splitDataset } from "../../../jobs/split/run.ts";
import { SplitProgress } from "../../../jobs/split/split-progress.ts";
import { createBucket } from "../../../local/create-bucket.ts";
import { loadKeys } from "../../../local/keys.ts";
import { startStorage } from "../../../local/storage/start-storage.ts";
import { openBucket } from "../../../shared/cloud/storage.ts";

const BUCKET = "split-bucket";

export type SplitWishes = Partial<Omit<SplitDeps, "task"> & Omit<SplitDeps["task"], "dataUrl" | "wish">> & {
  chunks?: number;
  rowsPerChunk?: number;
};

/** A bucket on a server of its own, and splits that run in this process. */
export async function startSplitScene() {
  const folder = await mkdtemp(join(tmpdir(), "corral-split-"));
  const keys = await loadKeys(folder);
  const storage = await startStorage({ port: 0, dir: join(folder, "storage"), ...keys });
  await createBucket(storage.url, BUCKET);
  const bucket = openBucket({ name: BUCKET, endpoint: storage.url, crc32c: nativeCrc32c });
  let jobs = 0;

  return {
    bucket,
    storageUrl: storage.url,

    nextJob: () => ++jobs,

    /** Stores data as its owner would, and resolves to its URL. */
    async store(name: string, content: string | Uint8Array): Promise<string> {
      const object = `jobs/${jobs + 1}/data/${name}`;
      await bucket.file(object).save(Buffer.from(content));
      return `gs://${BUCKET}/${object}`;
    },

    /** Splits data for a job of its own unless one is named, into ten chunks; resolves to what was made. */
    async split(dataUrl: string, wishes: SplitWishes = {}) {
      const { jobId = ++jobs, chunks = 10, rowsPerChunk, dataFile = null, ...deps } = wishes;
      const wish = rowsPerChunk === undefined ? { chunks, rowsPerChunk: null } : { chunks: null, rowsPerChunk };
      const tasks = new Map<number, StoredChunk>();
      const lines: string[] = [];
      const made = await splitDataset({
        task: { jobId, dataUrl, dataFile, wish },
        bucket,
        allowed: new Set(),
        progress: new SplitProgress(),
        async addTasks(added) {
          for (const task of added) tasks.set(task.number, task);
          return "added";
        },
        log: (line) => void lines.push(line),
        signal: new AbortController().signal,
        ...deps,
      });
      const sorted = [...tasks.values()].toSorted((a, b) => a.number - b.number);
      return { ...made, jobId, tasks: sorted, lines };
    },

    /** The chunks' names and contents. */
    async readChunks(jobId: number): Promise<Map<string, Buffer>> {
      const prefix = `jobs/${jobId}/chunks/`;
      const [files] = await bucket.getFiles({ prefix });
      const contents = new Map<string, Buffer>();
      for (const file of files) contents.set(file.name.slice(prefix.length), (await file.download())[0]);
      return contents;
    },

    async close() {
      await storage.close();
      await rm(folder, { recursive: true });
    },
  };
}

export type SplitScene = Awaited<ReturnType<typeof startSplitScene>>;
