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

/** Of these folders below snapshots/, those of no snapshot and of no sync that is under way. */
export async function listUnreferencedSnapshots(db: Db, folders: string[]): Promise<string[]> {
  return answer(db.rpc("list_unreferenced_snapshots", { p_folders: folders }));
}

/** Of these objects, those of no artifact. */
export async function listUnreferencedArtifacts(db: Db, objects: string[]): Promise<string[]> {
  return answer(db.rpc("list_unreferenced_artifacts", { p_objects: objects }));
}

/** Of these queries, those that are forgotten. */
export async function listForgottenQueries(db: Db, queries: string[]): Promise<string[]> {
  return answer(db.rpc("list_forgotten_queries", { p_queries: queries }));
}

/** Of these seals of the audit trail, those that are forgotten. */
export async function listForgottenSeals(db: Db, seals: number[]): Promise<number[]> {
  return answer(db.rpc("list_forgotten_seals", { p_seals: seals }));
}
