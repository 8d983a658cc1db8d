import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Log } from "../log.ts";
import { deleteHome } from "./postgres-home.ts";
import { type RunningPostgres, startPostgres } from "./start-postgres.ts";

/** Starts Postgres on a temporary folder and a free port; its stop deletes the data. */
export async function startThrowAwayPostgres(log?: Log): Promise<RunningPostgres> {
  const dataDir = await mkdtemp(join(tmpdir(), "corral-postgres-"));
  try {
    const postgres = await startPostgres({ dataDir, port: 0, ...(log === undefined ? {} : { log }) });
    return {
      ...postgres,
      stop: async () => {
        await postgres.stop();
        await deleteHome(dataDir);
      },
    };
  } catch (error) {
    await deleteHome(dataDir);
    throw error;
  }
}
