import { isUtf8 } from "node:buffer";
import { JobFailure } from "../job-failure.ts";
import { LF, malformed } from "./row-scanner.ts";

/** Refuses a block of whole lines, of which the first has this number, when it is not UTF-8 or holds NUL bytes. */
export function requireText(name: string, block: Buffer, line: number): void {
  const nul = block.indexOf(0);
  if (nul !== -1) throw malformed(name, line + countNewlines(block.subarray(0, nul)), "holds a NUL byte");
  if (isUtf8(block)) return;
  let at = 0;
  let found = line;
  for (let next = nextLine(block, at); next < block.length && isUtf8(block.subarray(at, next)); found++) {
    at = next;
    next = nextLine(block, at);
  }
  throw new JobFailure("data_not_utf8", `Cannot split ${name}: line ${found} is not UTF-8. Save the file as UTF-8.`);
}

function nextLine(block: Buffer, from: number): number {
  const newline = block.indexOf(LF, from);
  return newline === -1 ? block.length : newline + 1;
}

function countNewlines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) count++;
  return count;
}
