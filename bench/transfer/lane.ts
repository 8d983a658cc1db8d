import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Storage } from "@google-cloud/storage";
import { build } from "esbuild";
import { z } from "zod";
import { type Child, startChild } from "../child.ts";
import type { MethodName } from "./methods.ts";
import type { Serving } from "./serve.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const SERVE_FILE = fileURLToPath(new URL("serve.ts", import.meta.url));
const MEASURE_FILE = fileURLToPath(new URL("measure.ts", import.meta.url));
const TOKEN = "bench-token";
const BUCKET = "bench";

/** How far Kaggle is, and what one connection carries, to Kaggle and to the bucket. */
export interface Shape {
  latencyMs: number;
  bytesPerSecond: number;
}

export interface Measured {
  seconds: number;
  peakBytes: number;
}

export interface BenchLane {
  /** Runs a method once in a fresh process, and forgets what it stored. */
  measure(method: MethodName, bytes: number, shaped: boolean, connections: number): Promise<Measured>;
  close(): Promise<void>;
}

const measured = z.object({ seconds: z.number(), peakBytes: z.number() });

/** Starts Kaggle and a bucket, each with and without a shaped link, in processes of their own. */
export async function startBenchLane(sizes: number[], shape: Shape): Promise<BenchLane> {
  const folder = await mkdtemp(join(tmpdir(), "corral-bench-"));
  const children: Child[] = [];
  const serve = async (task: Serving): Promise<string> => {
    const child = await startChild(SERVE_FILE, task, ["--import", "tsx"]);
    children.push(child);
    return child.firstLine;
  };
  const close = async () => {
    await Promise.all(children.map((child) => child.stop()));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const { latencyMs, bytesPerSecond } = shape;
    const datasets = sizes.map((bytes) => ({ ref: refOf(bytes), bytes }));
    const kaggle = { what: "kaggle", token: TOKEN, datasets } as const;
    const plainKaggle = await serve(kaggle);
    const shapedKaggle = await serve({ ...kaggle, shape: { latencyMs, bytesPerSecondPerConnection: bytesPerSecond } });
    const plainStorage = await serve({ what: "storage", dir: join(folder, "plain"), bucket: BUCKET });
    const shapedStorage = await serve({ what: "storage", dir: join(folder, "shaped"), bucket: BUCKET, bytesPerSecond });
    const program = await bundle();
    return {
      async measure(method, bytes, shaped, connections) {
        const storageUrl = shaped ? shapedStorage : plainStorage;
        const child = await startChild(program, {
          method,
          connections,
          ref: refOf(bytes),
          kaggleUrl: shaped ? shapedKaggle : plainKaggle,
          kaggleToken: TOKEN,
          storageUrl,
          bucket: BUCKET,
        });
        await child.stop();
        await new Storage({ apiEndpoint: storageUrl, projectId: "bench" }).bucket(BUCKET).deleteFiles({ force: true });
        return measured.parse(JSON.parse(child.firstLine));
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function refOf(bytes: number): string {
  return `bench/archive-of-${bytes}-bytes`;
}

/** Bundles the measuring process as the jobs are bundled, so that its memory is what theirs would be. */
async function bundle(): Promise<string> {
  const outfile = join(REPOSITORY, "dist/bench/measure.mjs");
  await build({
    entryPoints: [MEASURE_FILE],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    external: ["@node-rs/crc32"],
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    logLevel: "warning",
  });
  return outfile;
}
