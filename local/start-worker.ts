import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { transformSync } from "esbuild";

/**
 * Starts a thread from a TypeScript file that imports nothing but Node's own modules. Node loads threads itself, past
 * the loader that reads TypeScript for us, and reads none before version 22.18.
 */
export function startWorker(file: URL): Worker {
  const { code } = transformSync(readFileSync(file, "utf8"), {
    loader: "ts",
    format: "esm",
    sourcefile: fileURLToPath(file),
  });
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
}
