import { createHash } from "node:crypto";
import { chmod, chown, lstat, mkdir, readdir, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canTraverse, findServerUser, type OsUser } from "./os-user.ts";

export interface PostgresHome {
  /** Holds binaries, cluster and secrets. */
  dir: string;
  clusterDir: string;
  /** Where the server's Unix socket is; only local workers use it. */
  socketDir: string;
  /** Whom the server runs as, when that is not us. */
  user: OsUser | undefined;
}

/** Folders that root shares with the server's user when its own are closed to others. */
const SHARED_FOLDER = "/var/tmp";
/** A Unix socket's whole path has to fit into 104 bytes (macOS), and its name takes 14. */
const LONGEST_SOCKET_DIR = 88;
/** In the data folder, where the home is when it is not the data folder itself. */
const LINK = "elsewhere";

/**
 * Finds and makes the folder that a data folder's Postgres lives in: the data folder itself, or, when we are root and
 * the server's user cannot reach it (a home with mode 0700), one under /var/tmp that the data folder links to.
 */
export async function openHome(dataDir: string): Promise<PostgresHome> {
  await mkdir(dataDir, { recursive: true });
  const realDir = await realpath(dataDir);
  const user = await findServerUser();
  const reachable = user === undefined || (await canTraverse(realDir, user));
  const dir = reachable ? realDir : await openElsewhere(realDir);
  return { dir, clusterDir: join(dir, "cluster"), socketDir: await openSocketDir(dir, user), user };
}

/** Forgets all data; the server must not be running. */
export async function emptyHome(home: PostgresHome): Promise<void> {
  for (const name of await readdir(home.dir)) {
    if (!name.startsWith("binaries-")) await rm(join(home.dir, name), { recursive: true, force: true });
  }
  await openSocketDir(home.dir, home.user);
}

/** Deletes a data folder, with what is kept elsewhere for it; the server must not be running. */
export async function deleteHome(dataDir: string): Promise<void> {
  const elsewhere = await realpath(join(dataDir, LINK)).catch(() => dataDir);
  for (const dir of new Set([elsewhere, dataDir])) await rm(dir, { recursive: true, force: true });
}

async function openElsewhere(dataDir: string): Promise<string> {
  const dir = join(SHARED_FOLDER, `corral-${shortHash(dataDir)}`);
  const link = join(dataDir, LINK);
  // Whoever deletes the data folder means the data: without the link, what is left elsewhere belongs to nobody.
  if (!(await exists(link))) {
    await rm(dir, { recursive: true, force: true });
    await openFolder(dir);
    await symlink(dir, link);
  }
  return openFolder(dir);
}

async function openSocketDir(home: string, user: OsUser | undefined): Promise<string> {
  const inside = join(home, "socket");
  // Postgres takes a list of such folders, separated by commas.
  const fits = Buffer.byteLength(inside) <= LONGEST_SOCKET_DIR && !inside.includes(",");
  const dir = await openFolder(fits ? inside : join(tmpdir(), `corral-${shortHash(home)}`), user);
  if (user !== undefined) await chown(dir, user.uid, user.gid);
  return dir;
}

/** Makes a folder that others may pass through, and refuses one that a stranger has put there. */
async function openFolder(dir: string, user?: OsUser): Promise<string> {
  await mkdir(dir, { recursive: true });
  const { uid } = await lstat(dir);
  if (![process.getuid?.() ?? uid, user?.uid].includes(uid)) throw new Error(`${dir} belongs to another user.`);
  await chmod(dir, 0o755);
  return dir;
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
