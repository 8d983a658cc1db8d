import type { Bucket } from "@google-cloud/storage";
import { z } from "zod";
import { JobFailure } from "./job-failure.ts";

/** What the SDK's errors have in common: gaxios puts the HTTP status under `status`, the rest under `code`. */
const storageError = z.object({
  code: z.union([z.number(), z.string()]).optional(),
  status: z.union([z.number(), z.string()]).optional(),
});

/** The HTTP status of an error that the storage SDK threw; undefined when Cloud Storage did not answer. */
export function statusOf(error: unknown): number | undefined {
  const { data } = storageError.safeParse(error);
  return [data?.code, data?.status].map(Number).find((status) => status >= 100 && status < 600);
}

export function isNotFound(error: unknown): boolean {
  return statusOf(error) === 404;
}

export function isPreconditionFailed(error: unknown): boolean {
  return statusOf(error) === 412;
}

/** Whether the same call may succeed later. */
export function isTransientStorageError(error: unknown): boolean {
  const status = statusOf(error);
  return status === undefined || status === 408 || status === 429 || status >= 500;
}

/** Makes one SDK call; what it throws becomes a failure with a name. */
export async function callStorage<T>(bucket: Bucket, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toStorageFailure(error, bucket.name);
  }
}

/** Turns what the storage SDK threw into a failure with a name. */
export function toStorageFailure(error: unknown, bucket: string): JobFailure {
  const status = statusOf(error);
  if (status === 401 || status === 403)
    return new JobFailure(
      "storage_forbidden",
      `The bucket gs://${bucket} refuses the job (${status}). Its service account needs the role Storage Object User there.`,
      { cause: error },
    );
  if (status === 404)
    return new JobFailure("storage_not_found", `The bucket gs://${bucket} does not exist. Create it first.`, {
      cause: error,
    });
  return new JobFailure("storage_unavailable", "Cloud Storage does not take the data.", {
    retryable: true,
    cause: error,
  });
}
