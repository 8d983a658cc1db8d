import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "vitest";
import { installPython, type Python } from "../install-python.ts";

const PACKAGES = ["kaggle==2.2.4", "kagglehub==1.0.2"];

export interface KagglePython {
  /** Empty at first; also the client's home and working folder. */
  folder: string;
  /** Runs a script that fills `out`; skips the test, saying why, where Python or the packages are absent. */
  run(context: TestContext, script: string, env?: Record<string, string>): Promise<unknown>;
  close(): Promise<void>;
}

/**
 * Kaggle's own clients know no local address but http://localhost, so the stand-in is put in as the proxy of that
 * address: they run unmodified.
 */
export async function openKagglePython(kaggleUrl: string): Promise<KagglePython> {
  const python: Python | { missing: string } = await installPython(PACKAGES);
  const folder = await mkdtemp(join(tmpdir(), "corral-kaggle-"));
  return {
    folder,
    async run(context, script, env = {}) {
      if ("missing" in python) return context.skip(python.missing);
      const output = await python.run(`${PRELUDE}${script}\nprint("\\n" + json.dumps(out))`, {
        HOME: folder,
        FOLDER: folder,
        KAGGLE_API_ENVIRONMENT: "LOCALHOST",
        http_proxy: kaggleUrl,
        ...env,
      });
      return JSON.parse(output.trimEnd().split("\n").at(-1) ?? "");
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

const PRELUDE = `
import contextlib, hashlib, io, json, os, sys
os.chdir(os.environ["FOLDER"])
out = {}
`;
