import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

export type JobKind = "kaggle-to-gcs" | "cleanup" | "split" | "aggregate";

const JOBS_DIR = fileURLToPath(new URL(".", import.meta.url));
const OUT_DIR = fileURLToPath(new URL("../dist/jobs", import.meta.url));

/**
 * Bundles every job for Node and resolves to the files to run, by kind. What `main.ts` imports dynamically stays in
 * chunks of its own, so that a container's first line does not wait for the SDKs.
 */
export async function buildJobs(): Promise<Record<JobKind, string>> {
  const { outputFiles } = await build({
    entryPoints: {
      "kaggle-to-gcs": join(JOBS_DIR, "kaggle-to-gcs/main.ts"),
      "md5-worker": join(JOBS_DIR, "kaggle-to-gcs/md5-worker.ts"),
      cleanup: join(JOBS_DIR, "cleanup/main.ts"),
      split: join(JOBS_DIR, "split/main.ts"),
      aggregate: join(JOBS_DIR, "aggregate/main.ts"),
    },
    outdir: OUT_DIR,
    outExtension: { ".js": ".mjs" },
    // Beside the entries: what is in a chunk finds the worker's file next to itself.
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    platform: "node",
    target: "node20",
    format: "esm",
    // The storage SDK tells an AbortSignal by its class's name, which a bundle would change.
    keepNames: true,
    // Native code cannot be bundled.
    external: ["@node-rs/crc32"],
    // Bundled CommonJS calls require() for Node's own modules.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    logLevel: "warning",
    write: false,
  });
  for (const { path, contents } of outputFiles) await replace(path, contents);
  const bundleOf = (kind: JobKind) => join(OUT_DIR, `${kind}.mjs`);
  return {
    "kaggle-to-gcs": bundleOf("kaggle-to-gcs"),
    cleanup: bundleOf("cleanup"),
    split: bundleOf("split"),
    aggregate: bundleOf("aggregate"),
  };
}

/** Writes a file whole or not at all, and only if it changes: a job may be starting from it right now. */
async function replace(path: string, contents: Uint8Array): Promise<void> {
  const existing = await readFile(path).catch(() => undefined);
  if (existing?.equals(contents)) return;
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, contents);
  await rename(draft, path);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [kind, file] of Object.entries(await buildJobs())) process.stdout.write(`${kind}: ${file}\n`);
}
