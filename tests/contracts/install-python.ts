import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const PYTHON = "python3";
const INSTALL_LIMIT_MS = 110_000;

export interface Python {
  /** Runs a script with what the packages export; resolves to its standard output. */
  run(script: string, env: Record<string, string>): Promise<string>;
}

/** Installs Python packages where the operating system keeps temporary files; resolves to why not when that fails. */
export async function installPython(packages: string[]): Promise<Python | { missing: string }> {
  const folder = join(
    tmpdir(),
    `corral-python-${createHash("sha256").update(packages.join(" ")).digest("hex").slice(0, 12)}`,
  );
  try {
    if (!(await exists(folder))) await install(packages, folder);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n").slice(0, 3).join(" ") : String(error);
    return { missing: `Python cannot install ${packages.join(", ")} here: ${reason}` };
  }
  return {
    run: async (script, env) => {
      const path = { PATH: process.env.PATH ?? "", PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: "1" };
      return (await run(PYTHON, ["-c", script], { env: { ...path, ...env } })).stdout;
    },
  };
}

async function install(packages: string[], folder: string): Promise<void> {
  const staging = await mkdtemp(join(tmpdir(), "corral-pip-"));
  const command = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", staging, ...packages];
  try {
    await run(PYTHON, command, { timeout: INSTALL_LIMIT_MS });
    await rename(staging, folder);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    if (!(await exists(folder))) throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
