import { buffer } from "node:stream/consumers";
import { type FileMetaData, parquetMetadataAsync, type RowGroup } from "hyparquet";
import { JobFailure } from "../job-failure.ts";
import { boundHeap } from "./bound-heap.ts";
import type { RangedSource } from "./byte-source.ts";
import type { ChunkStore } from "./chunk-store.ts";
import { ParquetChunk } from "./parquet-chunk.ts";
import { ParquetColumn } from "./parquet-column.ts";
import { listLeaves, type ParquetLeaf } from "./parquet-leaf.ts";
import { readPages } from "./parquet-pages.ts";
import type { ChunkPlan } from "./plan-chunks.ts";
import type { ReadWatch } from "./read-watch.ts";
import type { Table } from "./table.ts";

const MIB = 1024 * 1024;
/** What a file says of itself is read whole, and grows tenfold in memory. */
const MAX_FOOTER_BYTES = 16 * MIB;
/** What is in memory at once of all columns: decoded values, and bytes that were fetched ahead. */
const MAX_CELLS = 128 * 1024;
const MAX_ROWS = 64 * 1024;
const DECODED_BYTES = 16 * MIB;
const FETCHED_BYTES = 16 * MIB;

/**
 * A Parquet file. Its rows are decoded no further than to what is stored, so that the chunks have the same schema and
 * the same values to the bit, whatever their types mean.
 */
export class ParquetTable implements Table {
  readonly format = "parquet";
  readonly source: RangedSource;
  readonly #metadata: FileMetaData;
  readonly #leaves: ParquetLeaf[];

  private constructor(source: RangedSource, metadata: FileMetaData) {
    this.source = source;
    this.#metadata = metadata;
    this.#leaves = listLeaves(metadata);
  }

  /** Reads what the file says of itself. */
  static async open(source: RangedSource): Promise<ParquetTable> {
    return decoding(source.name, async () => {
      const { byteLength, read } = source.range;
      const tail = await buffer(read(Math.max(0, byteLength - 8), byteLength));
      if (tail.length < 8 || tail.toString("latin1", 4) !== "PAR1") throw new Error("its end is missing");
      const footer = tail.readUInt32LE(0);
      if (footer > MAX_FOOTER_BYTES) throw new Error(`its footer is larger than ${MAX_FOOTER_BYTES / MIB} MiB`);
      const slice = async (start: number, end = byteLength) => {
        const bytes = await buffer(read(start, end));
        return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
      };
      const metadata = await parquetMetadataAsync({ byteLength, slice }, { geoparquet: false });
      return new ParquetTable(source, metadata);
    });
  }

  async countRows(watch: ReadWatch): Promise<number> {
    const { row_groups, num_rows } = this.#metadata;
    const rows = row_groups.reduce((sum, group) => sum + group.num_rows, 0n);
    if (rows !== num_rows) throw unreadable(this.source.name, "its row groups do not add up");
    watch.onBytes(this.source.countedBytes);
    watch.onRows(Number(rows));
    return Number(rows);
  }

  async writeChunks(plan: ChunkPlan, store: ChunkStore, watch: ReadWatch): Promise<void> {
    let number = 0;
    let left = 0;
    let chunk: ParquetChunk | undefined;
    const tidy = boundHeap();
    for (const group of this.#metadata.row_groups) {
      const columns = this.#openColumns(group, watch);
      const most = this.#rowsAtOnce(group);
      let groupLeft = Number(group.num_rows);
      while (groupLeft > 0) {
        if (left === 0) {
          const upload = await store.next();
          chunk = upload && new ParquetChunk(upload, this.#metadata, this.#leaves);
          left = plan.rowsOf(++number);
        }
        const rows = Math.min(left, groupLeft, most);
        const taken = await decoding(this.source.name, async () => {
          const parts = [];
          // One after the other: what decoding a page takes for a moment is not needed by all columns at once.
          for (const column of columns) {
            parts.push(await column.take(rows));
            tidy();
          }
          return parts;
        });
        await chunk?.add(rows, taken);
        tidy();
        left -= rows;
        groupLeft -= rows;
        watch.onRows(rows);
        if (left === 0) await chunk?.end();
      }
    }
  }

  #openColumns(group: RowGroup, watch: ReadWatch): ParquetColumn[] {
    const { name } = this.source;
    const windowBytes = Math.min(Math.max(Math.floor(FETCHED_BYTES / this.#leaves.length), 64 * 1024), MIB);
    return this.#leaves.map((leaf, index) => {
      const column = group.columns[index];
      const meta = column?.meta_data;
      if (meta === undefined) throw unreadable(name, `column ${leaf.name} is encrypted`);
      if (column?.file_path) throw unreadable(name, `column ${leaf.name} is in another file`);
      return new ParquetColumn(leaf, meta.codec, readPages(this.source, meta, windowBytes, watch));
    });
  }

  #rowsAtOnce({ num_rows, total_byte_size }: RowGroup): number {
    const bytesPerRow = Math.max(1, Number(total_byte_size) / Math.max(1, Number(num_rows)));
    return Math.max(1, Math.floor(Math.min(MAX_ROWS, MAX_CELLS / this.#leaves.length, DECODED_BYTES / bytesPerRow)));
  }
}

/** Calls what understands Parquet; what it throws is about the file. */
async function decoding<T>(name: string, decode: () => Promise<T>): Promise<T> {
  try {
    return await decode();
  } catch (error) {
    if (error instanceof JobFailure || (error instanceof Error && error.name === "AbortError")) throw error;
    throw unreadable(name, error instanceof Error ? error.message : String(error), error);
  }
}

function unreadable(name: string, why: string, cause?: unknown): JobFailure {
  return new JobFailure("data_malformed", `Cannot read ${name} as Parquet: ${why}.`, { cause });
}
