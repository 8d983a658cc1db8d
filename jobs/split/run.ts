import type { Bucket } from "@google-cloud/storage";
import type { AllowedHosts } from "../../shared/cloud/public-url.ts";
import type { SplitWish } from "../../shared/db/split-task.ts";
import { JobFailure } from "../job-failure.ts";
import { ChunkStore } from "./chunk-store.ts";
import { jobObjects } from "./job-objects.ts";
import { openTable } from "./open-table.ts";
import { type ChunkPlan, planChunks } from "./plan-chunks.ts";
import type { SplitProgress } from "./split-progress.ts";
import type { Table } from "./table.ts";
import { type AddTasks, TaskBatches } from "./task-batches.ts";

export interface SplitDeps {
  task: { jobId: number; dataUrl: string; dataFile: string | null; wish: SplitWish };
  bucket: Bucket;
  /** Hosts that data may be fetched from wherever they lie. */
  allowed: AllowedHosts;
  progress: SplitProgress;
  addTasks: AddTasks;
  log: (line: string) => void;
  signal: AbortSignal;
}

export interface SplitData {
  rows: number;
  chunks: number;
}

/**
 * Makes a job's chunks and their tasks out of its data. The data is read twice: balanced chunks need the number of rows
 * first, and what is malformed is so refused before anything is written. Running it again gives the same, and keeps
 * what is there.
 */
export async function splitDataset(deps: SplitDeps): Promise<SplitData> {
  const { task, progress, log } = deps;
  const table = await openTable({ ...deps, ...task, objects: jobObjects(task.jobId), watch: progress.fetching });
  const { name, countedBytes } = table.source;
  log(`Splitting ${name} (${table.format})`);

  const rows = await table.countRows(progress.count(name, countedBytes));
  if (rows === 0) throw new JobFailure("data_empty", `Cannot split ${name}: it has no rows.`);
  const plan = planChunks(rows, task.wish);
  log(`Counted ${rows} rows, which become ${plan.count} chunks`);

  await storeChunks(table, plan, deps);
  progress.publish();
  return { rows, chunks: plan.count };
}

async function storeChunks(table: Table, plan: ChunkPlan, deps: SplitDeps): Promise<void> {
  const { task, bucket, progress, addTasks } = deps;
  const { name, countedBytes, identity } = table.source;
  const failed = new AbortController();
  const batches = new TaskBatches(addTasks);
  const store = new ChunkStore({
    bucket,
    folder: jobObjects(task.jobId).chunks,
    format: table.format,
    plan,
    identity,
    signal: AbortSignal.any([deps.signal, failed.signal]),
    async onStored(chunk) {
      progress.addChunk();
      await batches.push(chunk);
    },
  });
  try {
    await table.writeChunks(plan, store, progress.write(name, countedBytes, plan));
    await store.finish();
    await batches.flush();
  } catch (error) {
    // Whoever clears up after this must not be overtaken by what is still on its way.
    failed.abort(error);
    await store.rest();
    throw error;
  }
}
