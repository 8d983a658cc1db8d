import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { TaskFailure } from "./task-failure.ts";

const START_TIMEOUT_MS = 30_000;

let python: Promise<string> | undefined;

/** Path of the interpreter behind `python3`, which may be a shim that needs the user's environment to find it. */
export async function findPython(): Promise<string> {
  python ??= promisify(execFile)("python3", ["-c", "import sys; print(sys.executable)"], {
    timeout: START_TIMEOUT_MS,
  }).then(({ stdout }) => stdout.trim());
  try {
    return await python;
  } catch (cause) {
    // It may be installed while the agent runs.
    python = undefined;
    throw new TaskFailure("This machine has no python3.", true, { cause });
  }
}

/** What node needs beside its heap, with room to tell that the heap is full; with less it just crashes. */
const BESIDE_HEAP_MB = 160;

/** Node with a limit of its heap below that of its memory, since it can tell of the one only. */
export function nodeCommand(script: string, memoryMb: number): string[] {
  return [process.execPath, `--max-old-space-size=${memoryMb - BESIDE_HEAP_MB}`, script];
}
