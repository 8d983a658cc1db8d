import type { Bucket, File } from "@google-cloud/storage";

const DELETES_AT_ONCE = 16;

/** Folder of the objects that one run needs only while it runs, with a slash at its end. */
export function runFolder(kind: string, runId: number): string {
  return `tmp/${kind}/${runId}/`;
}

/** The run that an object's name belongs to; undefined when it is not in a run's folder. */
export function runOf(objectName: string): number | undefined {
  const [, id] = /^tmp\/[^/]+\/(\d+)\//.exec(objectName) ?? [];
  return id === undefined ? undefined : Number(id);
}

/** The job that an object's name belongs to; undefined when it is not in a job's folder. */
export function jobOf(objectName: string): number | undefined {
  const [, id] = /^jobs\/(\d+)\//.exec(objectName) ?? [];
  return id === undefined ? undefined : Number(id);
}

/** Deletes objects, several at a time; one that is gone already is no error. */
export async function deleteObjects(files: File[]): Promise<void> {
  const queue = files.values();
  const work = async () => {
    for (const file of queue) await file.delete({ ignoreNotFound: true });
  };
  await Promise.all(Array.from({ length: DELETES_AT_ONCE }, work));
}

/** Lists everything in a run's folder. */
export async function listFolder(bucket: Bucket, folder: string): Promise<File[]> {
  const [files] = await bucket.getFiles({ prefix: folder });
  return files;
}
