import { JobFailure } from "../../job-failure.ts";
import { cutBlocks } from "../../tabular/cut-blocks.ts";
import { requireText } from "../../tabular/require-text.ts";
import { CR, LF, type RowScanner } from "../../tabular/row-scanner.ts";

/** Bytes of rows, and how many rows end in them. */
export interface Rows {
  bytes: Buffer;
  rows: number;
}

const NEWLINE = Buffer.from("\n");

/**
 * The rows of a text as they are, but without a byte order mark and empty lines, and each ending with a newline whatever
 * it ended with. The first row comes alone.
 */
export async function* readRows(
  label: string,
  content: AsyncIterable<Uint8Array>,
  scanner: RowScanner,
): AsyncGenerator<Rows> {
  try {
    let header: Buffer[] | undefined = [];
    let endsWithNewline = true;
    for await (const { bytes, rows } of scanRows(label, content, scanner, () => header !== undefined)) {
      endsWithNewline = bytes.at(-1) === LF;
      if (header === undefined) yield { bytes, rows };
      else header.push(bytes);
      if (header === undefined || rows === 0) continue;
      yield { bytes: Buffer.concat(header), rows };
      header = undefined;
    }
    const rows = scanner.end();
    const rest = [...(header ?? []), ...(endsWithNewline ? [] : [NEWLINE])];
    if (rest.length > 0) yield { bytes: Buffer.concat(rest), rows };
  } catch (error) {
    throw nameFailure(error);
  }
}

/** The same without regard to where the text begins and ends. */
async function* scanRows(
  label: string,
  content: AsyncIterable<Uint8Array>,
  scanner: RowScanner,
  wantsOne: () => boolean,
): AsyncGenerator<Rows> {
  for await (const block of cutBlocks(label, content, scanner)) {
    requireText(label, block, scanner.line);
    // Where no carriage return is, no line end needs to be changed.
    const isPlain = !block.includes(CR);
    let gathered: Buffer[] = [];
    let ended = 0;
    for (let at = 0; at < block.length; ) {
      const alone = wantsOne();
      const { end, next, rows } = scanner.scan(block, at, alone || !isPlain ? 1 : Number.POSITIVE_INFINITY);
      if (end === at) {
        at = next;
        continue;
      }
      if (isPlain || rows === 0) gathered.push(block.subarray(at, end));
      else gathered.push(withoutLineEnd(block.subarray(at, end)), NEWLINE);
      at = next;
      ended += rows;
      if (!alone || rows === 0) continue;
      yield { bytes: Buffer.concat(gathered), rows };
      gathered = [];
      ended = 0;
    }
    if (gathered.length > 0) yield { bytes: Buffer.concat(gathered), rows: ended };
  }
}

function withoutLineEnd(row: Buffer): Buffer {
  let end = row.length;
  while (end > 0 && (row[end - 1] === LF || row[end - 1] === CR)) end--;
  return row.subarray(0, end);
}

/** What the scanners find wrong with a job's data is here wrong with a task's result. */
function nameFailure(error: unknown): unknown {
  if (!(error instanceof JobFailure) || !error.code.startsWith("data_")) return error;
  const message = error.message.replace(/^Cannot split/, "Cannot join");
  return new JobFailure("result_unreadable", message, { cause: error });
}
