import type { Bucket } from "@google-cloud/storage";
import { jobObjects } from "./job-objects.ts";
import { StoredChunks } from "./stored-chunks.ts";

/** Removes all that a split made for a job that nobody will work on. */
export async function removeChunks(bucket: Bucket, jobId: number): Promise<void> {
  const { source, member, chunks } = jobObjects(jobId);
  await new StoredChunks(bucket, chunks).dropRest();
  for (const name of [source, member]) await bucket.file(name).delete({ ignoreNotFound: true });
}
