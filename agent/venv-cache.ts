import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Environments kept for tasks to come, beside those in use. */
const KEPT = 4;
/** Written last into an environment: one without it was never finished. Its time is that of the last use. */
const READY = "corral-ready";

/** Runs a command in the task's sandbox; rejects with a TaskFailure when it fails. */
export type RunStep = (argv: string[]) => Promise<void>;

/** Python environments by job and requirements, so that a job's tasks share one and no two jobs do. */
export class VenvCache {
  readonly #folder: string;
  readonly #building = new Map<string, Promise<void>>();
  readonly #users = new Map<string, number>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Lends the environment's interpreter, which is built first where it is not there, until `release` is called. */
  async lend(python: string, job: number, requirementsPath: string, run: RunStep) {
    const requirements = await readFile(requirementsPath);
    const key = createHash("sha256").update(`${python}\n${job}\n`).update(requirements).digest("hex").slice(0, 16);
    this.#users.set(key, (this.#users.get(key) ?? 0) + 1);
    const release = () => void this.#users.set(key, (this.#users.get(key) ?? 1) - 1);
    try {
      // Whoever waited looks again: the build may have been stopped with the task that it was for.
      while (this.#building.has(key)) await this.#building.get(key)?.catch(() => undefined);
      const building = this.#build(key, python, requirementsPath, run).finally(() => this.#building.delete(key));
      this.#building.set(key, building);
      await building;
      return { python: join(this.#folder, key, "bin", "python"), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  async #build(key: string, python: string, requirementsPath: string, run: RunStep): Promise<void> {
    const folder = join(this.#folder, key);
    const ready = join(folder, READY);
    if (await wasUsed(ready)) return await utimes(ready, new Date(), new Date());
    await this.#makeRoom();
    await rm(folder, { recursive: true, force: true });
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    // What the machine has, such as a torch that fits its GPU, need not be brought again.
    await run([python, "-m", "venv", "--system-site-packages", folder]);
    const pip = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-cache-dir"];
    await run([join(folder, "bin", "python"), ...pip, "-r", requirementsPath]);
    await writeFile(ready, "");
  }

  async #makeRoom(): Promise<void> {
    const names = await readdir(this.#folder).catch(() => []);
    const idle = names.filter((name) => (this.#users.get(name) ?? 0) === 0);
    const used = await Promise.all(
      idle.map(async (name) => ({ name, at: (await wasUsed(join(this.#folder, name, READY)))?.getTime() ?? 0 })),
    );
    used.sort((a, b) => b.at - a.at);
    for (const { name } of used.slice(KEPT)) await rm(join(this.#folder, name), { recursive: true, force: true });
  }
}

async function wasUsed(ready: string): Promise<Date | null> {
  const found = await stat(ready).catch(() => null);
  return found?.mtime ?? null;
}

/** Whether a requirements file asks for anything at all. */
export async function asksForPackages(path: string): Promise<boolean> {
  const text = await readFile(path, "utf8");
  return text.split("\n").some((line) => !/^\s*(#|$)/.test(line));
}
