import { answer } from "./answers.ts";
import type { Db } from "./connect-db.ts";

/** Of these gs:// URLs, those that no dataset refers to. */
export async function listUnreferencedObjects(db: Db, urls: string[]): Promise<string[]> {
  return answer(db.rpc("list_unreferenced_objects", { p_urls: urls }));
}

/** Of these runs, those that are queued, launching or running. */
export async function listLiveRuns(db: Db, runs: number[]): Promise<number[]> {
  return answer(db.rpc("list_live_runs", { p_runs: runs }));
}
