import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const KINDS = [
  "kaggle-to-gcs",
  "cleanup",
  "split",
  "aggregate",
  "snowflake-catalog",
  "snowflake-to-duckdb",
  "query",
] as const;
export type JobKind = (typeof KINDS)[number];

/** What runs beside a job: a thread or a process of its own, from a file of its own. */
const COMPANIONS = { "md5-worker": "kaggle-to-gcs/md5-worker.ts", "query-child": "query/child.ts" };

/** What bundled CommonJS takes for granted: require() for Node's own modules, and where it lies. */
const COMMON_JS = `
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
const __filename = require("node:url").fileURLToPath(import.meta.url);
const __dirname = require("node:path").dirname(__filename);
`;

const JOBS_DIR = fileURLToPath(new URL(".", import.meta.url));
const OUT_DIR = fileURLToPath(new URL("../dist/jobs", import.meta.url));

/**
 * Bundles every job for Node and resolves to the files to run, by kind. What `main.ts` imports dynamically stays in
 * chunks of its own, so that a container's first line does not wait for the SDKs.
 */
export async function buildJobs(): Promise<Record<JobKind, string>> {
  const { outputFiles } = await build({
    entryPoints: Object.fromEntries([
      ...KINDS.map((kind) => [kind, join(JOBS_DIR, kind, "main.ts")]),
      ...Object.entries(COMPANIONS).map(([name, file]) => [name, join(JOBS_DIR, file)]),
    ]),
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
    external: ["@node-rs/crc32", "@duckdb/node-bindings"],
    banner: { js: COMMON_JS },
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
    "snowflake-catalog": bundleOf("snowflake-catalog"),
    "snowflake-to-duckdb": bundleOf("snowflake-to-duckdb"),
    query: bundleOf("query"),
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
