import type { Bucket } from "@google-cloud/storage";
import type { AggregateMode, TaskResult } from "../../shared/db/aggregate-task.ts";
import type { Json } from "../../shared/db/database.types.ts";
import type { Snapshot } from "../heartbeat.ts";
import { JobFailure } from "../job-failure.ts";
import { RateMeter } from "../rate-meter.ts";
import { locate, notOurs, openResults } from "./open-results.ts";
import { type CombinePlan, planCombination } from "./plan-combination.ts";
import type { ResultFile } from "./result-file.ts";
import { storeResult } from "./store-result.ts";

export interface AggregateOptions {
  jobId: number;
  runId: number;
  mode: AggregateMode;
  /** One per task, in the order of their numbers. */
  tasks: TaskResult[];
  bucket: Bucket;
  progress: AggregateProgress;
  signal: AbortSignal;
}

/** What a job gets in the end; no URL when it asked for nothing better than nothing. */
export interface Aggregated {
  url: string | null;
  details: Record<string, Json>;
}

/** Where an aggregation is and how far; read by the heartbeat whenever it reports. */
export class AggregateProgress {
  readonly meter = new RateMeter();
  phase = "starting";
  results = 0;

  snapshot(): Snapshot {
    return { phase: this.phase, progress: { results: this.results, ...this.meter.read() } };
  }
}

/** Makes one result of a job's many: models are averaged, tables are joined. The same results give the same bytes. */
export async function aggregateResults(options: AggregateOptions): Promise<Aggregated> {
  const { jobId, runId, mode, tasks, bucket, progress, signal } = options;
  const watch = { onBytes: (count: number) => progress.meter.add(count), signal };
  const openDeps = { ...options, watch };
  const told = tasks.filter(hasResult);
  const counts = { tasks: tasks.length, results: told.length };
  if (mode === "none") return { url: null, details: { mode: "none" } };
  if (told.length === 0) {
    if (mode === "auto") return { url: null, details: { ...counts, mode: "none", reason: "no task has a result" } };
    throw new JobFailure("results_missing", "No task told where its result is, so there is nothing to aggregate.");
  }
  const stranger = told.find((result) => locate(result, openDeps) === undefined);
  if (stranger !== undefined) {
    const failure = notOurs(stranger, openDeps);
    if (mode === "auto") return { url: null, details: { ...counts, mode: "none", reason: failure.message } };
    throw failure;
  }

  progress.phase = "opening";
  progress.results = told.length;
  const results = await openResults(told, openDeps);
  const plan = await planCombination(mode, results, tasks.find((task) => !hasResult(task))?.number);
  if (plan.mode === "none") return { url: null, details: { ...counts, ...plan } };
  const combined = await combine(plan, progress);
  const name = `jobs/${jobId}/final/${runId}/result.${combined.extension}`;
  const url = await storeResult(bucket.file(name), combined.content, { contentType: combined.contentType, signal });
  progress.meter.finish();
  progress.phase = "publishing";
  return { url, details: { mode: plan.mode, ...counts, ...combined.details() } };
}

function hasResult({ resultUrl }: TaskResult): boolean {
  return resultUrl !== null && resultUrl.trim() !== "";
}

async function combine(
  { mode, results, combine }: Exclude<CombinePlan, { mode: "none" }>,
  progress: AggregateProgress,
) {
  progress.phase = mode === "fedavg" ? "averaging" : "joining";
  progress.meter.start(results.reduce((sum: number, { source }: ResultFile) => sum + source.size, 0));
  return combine();
}
