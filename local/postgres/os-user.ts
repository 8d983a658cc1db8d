import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface OsUser {
  uid: number;
  gid: number;
}

/** Resolves to the user that the server runs as when we are root, which Postgres refuses to be; undefined otherwise. */
export async function findServerUser(): Promise<OsUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ["postgres", "nobody"]) {
    const user = await lookUp(name);
    if (user !== undefined) return user;
  }
  throw new Error('Postgres does not run as root, and there is no user "postgres" or "nobody". Start as another user.');
}

async function lookUp(name: string): Promise<OsUser | undefined> {
  try {
    const [uid, gid] = await Promise.all([run("id", ["-u", name]), run("id", ["-g", name])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return undefined;
  }
}

/** Tells whether the user may pass through every folder from the root down to this one. */
export async function canTraverse(dir: string, user: OsUser): Promise<boolean> {
  const { uid, gid, mode } = await stat(dir);
  const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
  if ((mode & bit) === 0) return false;
  const parent = dirname(dir);
  return parent === dir || canTraverse(parent, user);
}
