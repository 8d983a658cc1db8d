import { open } from "node:fs/promises";
import { QueryFailure } from "./query-failure.ts";

export interface SpoolOptions {
  path: string;
  /** Of the rows as text. */
  maxBytes: number;
  /** Called once, before what is written is more than the disk can have several of. */
  onLarge: () => Promise<void>;
}

/** Up to here a spool is no burden. */
const SMALL_BYTES = 16 * 1024 * 1024;
/** DuckDB sets aside a few times as much, for each of its threads. */
const MAX_ROW_BYTES = 32 * 1024 * 1024;

/** Writes whole lines into a file; resolves to the length of the longest. */
export async function spoolLines(lines: AsyncIterable<Buffer>, options: SpoolOptions): Promise<number> {
  const { path, maxBytes, onLarge } = options;
  const file = await open(path, "w");
  try {
    let bytes = 0;
    let longest = 0;
    let isLarge = false;
    for await (const chunk of lines) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooMuchText(maxBytes);
      longest = Math.max(longest, longestOf(chunk));
      if (longest > MAX_ROW_BYTES) throw tooLongRow();
      if (bytes > SMALL_BYTES && !isLarge) {
        isLarge = true;
        await onLarge();
      }
      await file.writeFile(chunk);
    }
    return longest;
  } finally {
    await file.close();
  }
}

function longestOf(lines: Buffer): number {
  let longest = 0;
  for (let start = 0, end = lines.indexOf(0x0a); end >= 0; start = end + 1, end = lines.indexOf(0x0a, start))
    longest = Math.max(longest, end - start);
  return longest;
}

function tooMuchText(maxBytes: number): QueryFailure {
  return new QueryFailure(
    "result_too_large",
    `The result's rows are more than ${maxBytes} bytes of text, which is more than is made a Parquet file. ` +
      "Select fewer rows or columns, or aggregate.",
  );
}

function tooLongRow(): QueryFailure {
  return new QueryFailure(
    "result_too_large",
    `A row of the result is more than ${MAX_ROW_BYTES} bytes of text, which is more than is made a row of Parquet. ` +
      "Select fewer columns, cut long texts, or ask for CSV or JSON.",
  );
}
