import { lstat, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { isMissing } from "./is-missing.ts";
import type { Task } from "./task.ts";
import { TaskFailure } from "./task-failure.ts";
import { downloadFile } from "./transfer.ts";

const MAX_CODE_BYTES = 64 * 2 ** 20;
const MAX_REQUIREMENTS_BYTES = 2 ** 20;
const MAX_CHUNK_BYTES = 16 * 2 ** 30;
const MAX_METRICS_BYTES = 2 ** 20;

/** Names of a result; the first that is there is the one. */
const RESULTS = ["model.safetensors", "model.pth", "result.parquet", "result.jsonl", "result.csv", "result.json"];
const METRICS = "metrics.json";
const REQUIREMENTS = "requirements.txt";

/** Scripts write what they like into it; rows is what counts here. */
const metrics = z
  .string()
  .transform((text, context) => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue("no JSON");
      return z.NEVER;
    }
  })
  .pipe(z.object({ rows: z.int().nonnegative() }));

export interface TaskFiles {
  code: string;
  chunk: string | null;
  requirements: string | null;
}

/** Makes a task's folder and brings what the task needs into it; rejects with a TransferFailure or TaskFailure. */
export async function fetchTaskFiles(task: Task, folder: string, signal: AbortSignal): Promise<TaskFiles> {
  if (task.codeUrl === null) throw new TaskFailure("The task has no code to run.", false);
  const code = join(folder, fileName(task.codeUrl, "train.py"));
  if (!/\.(py|mjs|js)$/.test(code))
    throw new TaskFailure(`Cannot run ${fileName(task.codeUrl, "")}: it is no .py, .mjs or .js.`, false);
  const chunk = task.chunkUrl && join(folder, freeName(fileName(task.chunkUrl, "chunk"), task.codeUrl));
  const requirements = task.requirementsUrl && join(folder, REQUIREMENTS);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const fetchFile = async (url: string | null, path: string | null, maxBytes: number) => {
    if (url !== null && path !== null) await downloadFile({ url, path, maxBytes, signal: either });
  };
  try {
    await Promise.all([
      fetchFile(task.codeUrl, code, MAX_CODE_BYTES),
      fetchFile(task.requirementsUrl, requirements, MAX_REQUIREMENTS_BYTES),
      fetchFile(task.chunkUrl, chunk, MAX_CHUNK_BYTES),
    ]);
  } finally {
    failed.abort();
  }
  return { code, chunk, requirements };
}

/**
 * What a script left as its result; null when it left none. Rejects with a TaskFailure where that is no file of its own:
 * a link may lead out of the folder, and whoever meant to leave a result must not be told that all is well without one.
 */
export async function findResult(folder: string): Promise<{ name: string; path: string } | null> {
  for (const name of RESULTS) {
    const path = join(folder, name);
    const kind = await kindOf(path).catch((cause: unknown) => {
      throw new TaskFailure(`Cannot read the result ${name}.`, true, { cause });
    });
    if (kind === "file") return { name, path };
    if (kind !== null) throw new TaskFailure(`The result ${name} is ${kind}. Leave a plain file.`, true);
  }
  return null;
}

/** How many rows a script says it learned from; null when it does not say. */
export async function readRows(folder: string): Promise<number | null> {
  const path = join(folder, METRICS);
  if (!(await isFile(path, MAX_METRICS_BYTES))) return null;
  return metrics.safeParse(await readFile(path, "utf8")).data?.rows ?? null;
}

/** The last part of a URL's path as a file name that can do no harm. */
function fileName(url: string, otherwise: string): string {
  const last = URL.canParse(url) ? (new URL(url).pathname.split("/").pop() ?? "") : "";
  const name = decode(last)
    .replace(/[^A-Za-z0-9._-]/g, "_")
    .replace(/^[.-]+/, "")
    .slice(-128);
  return name === "" ? otherwise : name;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A chunk must not pass for the script, nor for what the script leaves. */
function freeName(name: string, codeUrl: string): string {
  return [...RESULTS, METRICS, REQUIREMENTS, fileName(codeUrl, "train.py")].includes(name) ? `chunk-${name}` : name;
}

/** What is at a path, in words; null where nothing is. */
async function kindOf(path: string): Promise<string | null> {
  try {
    const found = await lstat(path);
    if (found.isFile()) return "file";
    if (found.isSymbolicLink()) return "a link";
    return found.isDirectory() ? "a folder" : "no file";
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function isFile(path: string, maxBytes = Number.POSITIVE_INFINITY): Promise<boolean> {
  const found = await lstat(path).catch(() => null);
  return found?.isFile() === true && found.size <= maxBytes;
}
