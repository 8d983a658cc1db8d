import { answer } from "./answers.ts";
import type { Db } from "./connect-db.ts";

/** Of these gs:// URLs, those that no dataset refers to. */
export async function listUnreferencedObjects(db: Db, urls: string[]): Promise<string[]> {
  return answer(db.rpc("list_unreferenced_objects", { p_urls: urls }));
}

/** Of these jobs, those that there are. */
export async function listKnownJobs(db: Db, jobs: number[]): Promise<number[]> {
  return answer(db.rpc("list_known_jobs", { p_jobs: jobs }));
}

/** Of these gs:// URLs, those that no job refers to. */
export async function listUnreferencedUploads(db: Db, urls: string[]): Promise<string[]> {
  return answer(db.rpc("list_unreferenced_uploads", { p_urls: urls }));
}
