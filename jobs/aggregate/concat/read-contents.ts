import { mapAhead } from "../map-ahead.ts";
import type { ResultFile } from "../result-file.ts";

const READ_AHEAD = 8;
/** A result up to this size is read while those before it are written. */
const SMALL_BYTES = 512 * 1024;

/** Every result's content, in order; of small ones several are fetched at a time, a large one streams. */
export function readContents(
  results: Iterable<ResultFile>,
): AsyncGenerator<{ result: ResultFile; content: AsyncIterable<Uint8Array> }> {
  return mapAhead(results, READ_AHEAD, async (result) => {
    const { source } = result;
    if (source.size > SMALL_BYTES) return { result, content: source.stream(0, source.size) };
    return { result, content: once(await source.read(0, source.size)) };
  });
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
