import { cleanUp, type ObjectRegister } from "../../../jobs/cleanup/run.ts";
import type { Lane } from "../start-lane.ts";

const DAY_MS = 24 * 3600 * 1000;

/** What the lane's database knows about objects, asked as the job asks. */
export function openRegister({ db }: Lane): ObjectRegister {
  const list =
    <T>(call: string) =>
    async (values: T[]) =>
      (await db.as<{ found: T }>("service_role", {}, `select ${call}($1) as found`, [values])).map(
        ({ found }) => found,
      );
  return {
    listLiveRuns: async (runs) => (await list<number>("public.list_live_runs")(runs)).map(Number),
    listKnownJobs: async (jobs) => (await list<number>("public.list_known_jobs")(jobs)).map(Number),
    listUnreferenced: list<string>("public.list_unreferenced_objects"),
    listUnreferencedUploads: list<string>("public.list_unreferenced_uploads"),
    listUnreferencedSnapshots: list<string>("public.list_unreferenced_snapshots"),
    listUnreferencedArtifacts: list<string>("public.list_unreferenced_artifacts"),
    listForgottenQueries: list<string>("public.list_forgotten_queries"),
    listForgottenSeals: async (seals) => (await list<number>("public.list_forgotten_seals")(seals)).map(Number),
  };
}

/** Cleans the lane's bucket up as the job would so many days from now; resolves to the number of deletions. */
export async function cleanUpIn(lane: Lane, days: number, overrides: Partial<ObjectRegister> = {}): Promise<number> {
  let deleted = 0;
  await cleanUp({
    bucket: lane.bucket,
    register: { ...openRegister(lane), ...overrides },
    now: new Date(Date.now() + days * DAY_MS),
    signal: new AbortController().signal,
    onDeleted: () => void deleted++,
  });
  return deleted;
}
