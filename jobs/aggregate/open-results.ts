import type { Bucket } from "@google-cloud/storage";
import { gsUrl, type ObjectName, parseGsUrl } from "../../shared/cloud/object-url.ts";
import type { TaskResult } from "../../shared/db/aggregate-task.ts";
import { JobFailure } from "../job-failure.ts";
import { isNotFound, toStorageFailure } from "../storage-failure.ts";
import { mapAhead } from "./map-ahead.ts";
import { ObjectSource, type SourceWatch } from "./object-source.ts";
import type { ResultFile } from "./result-file.ts";

export interface OpenDeps {
  bucket: Bucket;
  jobId: number;
  watch: SourceWatch;
}

const OPENED_AT_ONCE = 16;

/** Where a task's result is, if that is among the job's own in our bucket. */
export function locate(result: TaskResult, { bucket, jobId }: OpenDeps): ObjectName | undefined {
  const name = parseGsUrl(result.resultUrl ?? "");
  const isOurs = name?.bucket === bucket.name && name.object.startsWith(`jobs/${jobId}/results/`);
  return isOurs ? name : undefined;
}

/** Refuses to read anything but the job's own results, whatever an agent called its result. */
export function notOurs({ number }: TaskResult, { bucket, jobId }: OpenDeps): JobFailure {
  return new JobFailure(
    "results_not_ours",
    `The result of task ${number} is not in ${gsUrl({ bucket: bucket.name, object: `jobs/${jobId}/results/` })}, and nothing else is read. Upload results with /agent/upload_url or /agent/upload_result.`,
  );
}

/** Opens all results, in their order, each as it is now. */
export async function openResults(results: TaskResult[], deps: OpenDeps): Promise<ResultFile[]> {
  const files: ResultFile[] = [];
  for await (const file of mapAhead(results, OPENED_AT_ONCE, (result) => openResult(result, deps))) files.push(file);
  return files;
}

async function openResult(result: TaskResult, deps: OpenDeps): Promise<ResultFile> {
  deps.watch.signal.throwIfAborted();
  const { bucket, watch } = deps;
  const label = `task ${result.number}`;
  const place = locate(result, deps);
  if (place === undefined) throw notOurs(result, deps);
  const { size, generation, contentEncoding } = await describe(bucket, place.object, label);
  if (contentEncoding === "gzip")
    throw new JobFailure(
      "result_unreadable",
      `The result of ${label} was uploaded with content-encoding gzip. Upload the file as it is.`,
    );
  const file = bucket.file(place.object, generation === undefined ? {} : { generation });
  return { label, name: place.object, rows: result.rows, source: new ObjectSource(file, Number(size), watch) };
}

async function describe(bucket: Bucket, name: string, label: string) {
  try {
    const [metadata] = await bucket.file(name).getMetadata();
    return metadata;
  } catch (error) {
    if (!isNotFound(error)) throw toStorageFailure(error, bucket.name);
    throw new JobFailure("result_missing", `The result of ${label} is not in the bucket: there is no ${name}.`, {
      cause: error,
    });
  }
}
