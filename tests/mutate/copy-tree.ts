import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

export interface TreeCopy {
  dir: string;
  remove(): void;
}

/**
 * Copies the working tree, so that what is broken there is broken nowhere else; packages are shared by a link.
 * The copy goes with this process at the latest.
 */
export function copyTree(): TreeCopy {
  const dir = mkdtempSync(join(tmpdir(), "corral-mutant-"));
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"]).toString();
  for (const file of listed.split("\0").filter((name) => name !== "" && existsSync(name))) {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    cpSync(file, join(dir, file));
  }
  symlinkSync(resolve("node_modules"), join(dir, "node_modules"));
  const remove = () => rmSync(dir, { recursive: true, force: true });
  process.once("exit", remove);
  return { dir, remove };
}
