import { fromRandomAccessReaderPromise, RandomAccessReader } from "yauzl";
import { JobFailure } from "../../job-failure.ts";
import { mapAhead } from "../map-ahead.ts";
import type { ByteSource } from "../object-source.ts";
import type { ResultFile } from "../result-file.ts";

/** Where a record's bytes lie in the archive. */
export interface ZipRecord {
  start: number;
  bytes: number;
}

const MOST_RECORDS = 500_000;
const HEADERS_AT_ONCE = 8;

/** Finds the stored records of a ZIP archive; one that is compressed, encrypted or laid over another is refused. */
export async function readZipRecords(result: ResultFile): Promise<Map<string, ZipRecord>> {
  const refuse = (why: string, cause?: unknown) =>
    new JobFailure("result_unreadable", `The result of ${result.label} is no sound archive: ${why}.`, { cause });
  const records = new Map<string, ZipRecord>();
  const reader = new CachedReader(result.source);
  try {
    const zip = await fromRandomAccessReaderPromise(reader, result.source.size, { autoClose: false });
    if (zip.entryCount > MOST_RECORDS) throw refuse(`it has ${zip.entryCount} records`);
    const entries = [];
    for await (const entry of zip.eachEntry()) {
      if (!entry.canDecodeFileData() || entry.compressionMethod !== 0)
        throw refuse(`${entry.fileName} is compressed or encrypted, and torch.save does neither`);
      entries.push(entry);
    }
    const found = mapAhead(entries, HEADERS_AT_ONCE, async (entry) => ({
      name: entry.fileName,
      start: (await zip.readLocalFileHeaderPromise(entry, { minimal: true })).fileDataStart,
      bytes: entry.uncompressedSize,
    }));
    for await (const { name, start, bytes } of found) {
      if (records.has(name)) throw refuse(`it has two records ${name}`);
      records.set(name, { start, bytes });
    }
  } catch (error) {
    if (reader.failure !== undefined) throw reader.failure;
    throw error instanceof JobFailure ? error : refuse(messageOf(error), error);
  }
  requireApart(records, result.source.size, refuse);
  return records;
}

/** Records that share bytes make a small file look large. */
function requireApart(records: Map<string, ZipRecord>, size: number, refuse: (why: string) => JobFailure): void {
  let end = 0;
  const filled = [...records].filter(([, { bytes }]) => bytes > 0);
  for (const [name, { start, bytes }] of filled.toSorted(([, a], [, b]) => a.start - b.start)) {
    if (start < end) throw refuse(`${name} lies over another record`);
    end = start + bytes;
    if (end > size) throw refuse(`${name} goes on behind the archive's end`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const BLOCK_BYTES = 64 * 1024;
const MOST_BLOCKS = 64;

/** Reads in blocks and keeps the last ones: a directory is asked for in pieces of some fifty bytes. */
class CachedReader extends RandomAccessReader {
  readonly #source: ByteSource;
  readonly #blocks = new Map<number, Promise<Buffer>>();
  /** What the source threw, which is not the archive's fault. */
  failure: unknown;

  constructor(source: ByteSource) {
    super();
    this.#source = source;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#copy(buffer, offset, length, position).then(
      () => callback(null),
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
    );
  }

  async #copy(buffer: Buffer, offset: number, length: number, position: number): Promise<void> {
    if (position < 0 || position + length > this.#source.size) throw new Error("it points behind its own end");
    for (let at = position; at < position + length; ) {
      const index = Math.floor(at / BLOCK_BYTES);
      const block = await this.#block(index);
      const from = at - index * BLOCK_BYTES;
      const copied = block.copy(buffer, offset + at - position, from, from + position + length - at);
      at += copied;
    }
  }

  #block(index: number): Promise<Buffer> {
    const start = index * BLOCK_BYTES;
    const known = this.#blocks.get(index);
    const block = known ?? this.#load(start, Math.min(start + BLOCK_BYTES, this.#source.size));
    this.#blocks.delete(index);
    this.#blocks.set(index, block);
    const [oldest] = this.#blocks.keys();
    if (this.#blocks.size > MOST_BLOCKS && oldest !== undefined) this.#blocks.delete(oldest);
    return block;
  }

  async #load(start: number, end: number): Promise<Buffer> {
    try {
      return await this.#source.read(start, end);
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }
}
