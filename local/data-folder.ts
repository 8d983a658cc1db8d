import { chmod, mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { deleteHome } from "./postgres/postgres-home.ts";

/** The folder of a local cloud inside the data folder that holds Postgres. */
export const POSTGRES_FOLDER = "postgres";

/** Makes a data folder, and those above it, unless they are there. */
export async function makeDataFolder(dataDir: string): Promise<void> {
  try {
    await makeFolder(resolve(dataDir));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot make the data folder "${dataDir}" (${why}). Choose another with --data-dir.`, { cause });
  }
}

/** Node's own recursive mkdir never ends where a folder that is there takes no new one and says ENOENT, as /proc does. */
async function makeFolder(path: string): Promise<void> {
  if (await isFolder(path)) return;
  if (dirname(path) !== path) await makeFolder(dirname(path));
  await mkdir(path).catch(async (error: unknown) => {
    // Somebody else may have been faster.
    if (!(await isFolder(path))) throw error;
  });
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ?? false;
}

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
