import { buffer } from "node:stream/consumers";
import type { ColumnMetaData, PageHeader } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import type { RangedSource } from "./byte-source.ts";
import type { ReadWatch } from "./read-watch.ts";

export interface Page {
  header: PageHeader;
  /** As they are stored, compressed or not. */
  bytes: Uint8Array;
}

const MIB = 1024 * 1024;
/** A page is read whole; writers make them of a megabyte or, DuckDB for one, of a whole column in a row group. */
const MAX_PAGE_BYTES = 128 * MIB;

/** Streams the pages of one column in one row group; `windowBytes` is how much is fetched at least. */
export async function* readPages(
  source: RangedSource,
  { dictionary_page_offset, data_page_offset, total_compressed_size }: ColumnMetaData,
  windowBytes: number,
  watch: ReadWatch,
): AsyncGenerator<Page> {
  // Some writers note an offset of 0 for a dictionary that is not there.
  const dictionary = Number(dictionary_page_offset ?? 0);
  let position = dictionary > 0 ? Math.min(dictionary, Number(data_page_offset)) : Number(data_page_offset);
  const end = position + Number(total_compressed_size);
  let held = Buffer.alloc(0);

  async function hold(bytes: number): Promise<void> {
    if (held.length >= bytes || position === end) return;
    const until = Math.min(end, position + Math.max(bytes - held.length, windowBytes));
    held = Buffer.concat([held, await buffer(source.range.read(position, until))]);
    watch.onBytes(until - position);
    position = until;
  }

  for (;;) {
    await hold(1);
    if (held.length === 0) return;
    const { header, size } = await readHeader();
    if (Math.max(header.compressed_page_size, header.uncompressed_page_size) > MAX_PAGE_BYTES)
      throw new RangeError(`a page of more than ${MAX_PAGE_BYTES / MIB} MiB`);
    await hold(size + header.compressed_page_size);
    const pageEnd = size + header.compressed_page_size;
    if (held.length < pageEnd) throw new RangeError("a page that ends behind its column");
    // A copy of its own: what is held otherwise keeps whole windows in memory.
    yield { header, bytes: new Uint8Array(held.subarray(size, pageEnd)) };
    held = held.subarray(pageEnd);
  }

  /** Nothing tells how long a header is but reading it. */
  async function readHeader(): Promise<{ header: PageHeader; size: number }> {
    for (;;) {
      const reader = { view: new DataView(held.buffer, held.byteOffset, held.length), offset: 0 };
      try {
        return { header: parquetHeader(reader), size: reader.offset };
      } catch (error) {
        if (!(error instanceof RangeError) || position === end) throw error;
        await hold(held.length + windowBytes);
      }
    }
  }
}
