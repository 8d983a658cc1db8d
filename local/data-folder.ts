import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deleteHome } from "./postgres/postgres-home.ts";

/** The folder of a local cloud inside the data folder that holds Postgres. */
export const POSTGRES_FOLDER = "postgres";

/** Makes a data folder for a local cloud that nobody keeps. */
export async function makeTemporaryDataFolder(): Promise<{ dataDir: string; remove(): Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), "corral-"));
  // As root, Postgres runs as another user, who has to get there.
  await chmod(dataDir, 0o755);
  return {
    dataDir,
    remove: async () => {
      await deleteHome(join(dataDir, POSTGRES_FOLDER));
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
