import { JobFailure } from "../job-failure.ts";
import { CR, LF, MAX_ROW_BYTES, malformed } from "./row-scanner.ts";

const BLOCK_BYTES = 256 * 1024;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Regroups a stream of text into blocks that end where a line ends (the last one where the text does), without a byte
 * order mark. So no block ends inside a character or a CRLF, however the stream was cut. `reader` is whoever takes the
 * blocks; it knows the line when one is too long.
 */
export async function* cutBlocks(
  name: string,
  bytes: AsyncIterable<Uint8Array>,
  reader: { readonly line: number },
  blockBytes = BLOCK_BYTES,
): AsyncGenerator<Buffer> {
  let held: Uint8Array[] = [];
  let size = 0;
  let wanted = blockBytes;
  let isFirst = true;
  for await (const chunk of bytes) {
    held.push(chunk);
    size += chunk.length;
    if (size < wanted) continue;
    const all = Buffer.concat(held, size);
    const end = lastLineEnd(all);
    if (end > 0) yield isFirst ? dropMark(name, all.subarray(0, end)) : all.subarray(0, end);
    isFirst &&= end === 0;
    held = [all.subarray(end)];
    size -= end;
    if (size > MAX_ROW_BYTES) throw malformed(name, reader.line, "is longer than 16 MiB");
    // What has no line end yet is looked at again only when it has doubled.
    wanted = Math.min(Math.max(blockBytes, size * 2), MAX_ROW_BYTES + 1);
  }
  const rest = Buffer.concat(held, size);
  const block = isFirst ? dropMark(name, rest) : rest;
  if (block.length > 0) yield block;
}

/** Where the last line that surely ends here does; 0 when none does. A CR at the very end may be half a CRLF. */
function lastLineEnd(bytes: Buffer): number {
  const newline = bytes.lastIndexOf(LF);
  return newline === -1 && bytes.length > 1 ? bytes.lastIndexOf(CR, bytes.length - 2) + 1 : newline + 1;
}

function dropMark(name: string, block: Buffer): Buffer {
  const mark = block.toString("latin1", 0, 2);
  if (mark === "\xff\xfe" || mark === "\xfe\xff")
    throw new JobFailure("data_not_utf8", `Cannot split ${name}: it is UTF-16. Save it as UTF-8.`);
  return block.subarray(0, 3).equals(BYTE_ORDER_MARK) ? block.subarray(3) : block;
}
