import { JobFailure } from "../job-failure.ts";

/** What a scan found: the bytes from its start to `end` are rows, or a part of one; reading goes on at `next`. */
export interface Scan {
  end: number;
  next: number;
  /** How many rows ended. */
  rows: number;
}

/** Finds where rows end in blocks of text, each of which ends where a line ends. */
export interface RowScanner {
  /** The line that is read next, from 1. */
  readonly line: number;
  /** Reads on until so many rows have ended, an empty line is in the way, or the block is over. */
  scan(block: Buffer, from: number, maxRows: number): Scan;
  /** Ends the text; resolves to how many rows end with it for want of a last newline: none or one. */
  end(): number;
}

export const LF = 0x0a;
export const CR = 0x0d;

/** No line, and no row of several lines, may be longer: what is, is no table. */
export const MAX_ROW_BYTES = 16 * 1024 * 1024;

/** Refuses text that breaks its format's rules. */
export function malformed(name: string, line: number, what: string): JobFailure {
  return new JobFailure("data_malformed", `Cannot split ${name}: line ${line} ${what}. Correct the file.`);
}
