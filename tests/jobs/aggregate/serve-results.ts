import type { Bucket } from "@google-cloud/storage";
import { type AggregateOptions, AggregateProgress, aggregateResults } from "../../../jobs/aggregate/run.ts";
import { nativeCrc32c } from "../../../jobs/native-crc32c.ts";
import { openBucket } from "../../../shared/cloud/storage.ts";
import type { AggregateMode, TaskResult } from "../../../shared/db/aggregate-task.ts";
import { serveStorage } from "../../local/storage/serve-storage.ts";

export const JOB = 7;

/** A task's result: the object's content, or a URL that an agent told instead. */
export interface Given {
  name?: string;
  content?: Uint8Array | string;
  url?: string | null;
  rows?: number | null;
}

/** A bucket with tasks' results, and the job's work done on them without a database. */
export async function serveResults() {
  const served = await serveStorage();
  const name = "results-bucket";
  await served.bucket(name);
  const bucket = openBucket({ name, endpoint: served.url, crc32c: nativeCrc32c });
  let run = 0;

  /** Stores what tasks 1 and following gave, aggregates it, and resolves to what the job gets. */
  async function aggregate(mode: AggregateMode, given: Given[], options: Partial<AggregateOptions> = {}) {
    run++;
    const tasks = await Promise.all(given.map((one, index) => store(bucket, run, index + 1, one)));
    const { url, details } = await aggregateResults({
      jobId: JOB,
      runId: run,
      mode,
      tasks,
      bucket,
      progress: new AggregateProgress(),
      signal: new AbortController().signal,
      ...options,
    });
    return { url, details, content: url === null ? Buffer.alloc(0) : await download(bucket, url) };
  }

  return { bucket, url: served.url, aggregate, close: () => served.close() };
}

export type Results = Awaited<ReturnType<typeof serveResults>>;

async function store(bucket: Bucket, run: number, number: number, given: Given): Promise<TaskResult> {
  const { name = "result.bin", content, rows = 1 } = given;
  const object = `jobs/${JOB}/results/${number}/${run}/${name}`;
  if (content !== undefined) await bucket.file(object).save(Buffer.from(content), { resumable: false });
  const resultUrl = given.url === undefined ? `gs://${bucket.name}/${object}` : given.url;
  return { number, resultUrl, rows };
}

async function download(bucket: Bucket, url: string): Promise<Buffer> {
  const [content] = await bucket.file(url.replace(`gs://${bucket.name}/`, "")).download();
  return content;
}
