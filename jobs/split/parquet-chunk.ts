import type { ConvertedType, FileMetaData, RowGroup, SchemaElement } from "hyparquet";
import { ByteWriter } from "hyparquet-writer";
import { writeColumn } from "hyparquet-writer/src/column.js";
import { writeMetadata } from "hyparquet-writer/src/metadata.js";
import { snappyCompress } from "hyparquet-writer/src/snappy.js";
import type { ChunkUpload } from "./chunk-upload.ts";
import type { ColumnRows } from "./parquet-column.ts";
import type { ParquetLeaf } from "./parquet-leaf.ts";

/** "PAR1", at both ends of a file. */
const MAGIC = 0x31524150;
const PAGE_BYTES = 1024 * 1024;

/** A Parquet file under way, with the schema and the notes of the one that its rows come from. */
export class ParquetChunk {
  readonly #upload: ChunkUpload;
  readonly #origin: FileMetaData;
  readonly #leaves: ParquetLeaf[];
  readonly #writer = new ByteWriter();
  readonly #groups: RowGroup[] = [];
  #rows = 0;

  constructor(upload: ChunkUpload, origin: FileMetaData, leaves: ParquetLeaf[]) {
    this.#upload = upload;
    this.#origin = origin;
    this.#leaves = leaves;
    this.#writer.appendUint32(MAGIC);
  }

  /** Adds a row group that holds all columns, in the order of the leaves. */
  async add(rows: number, columns: ColumnRows[]): Promise<void> {
    const start = this.#writer.offset;
    const chunks = this.#leaves.map((leaf, index) => this.#writeColumn(leaf, columns[index]));
    const sizes = chunks.map(({ meta_data }) => meta_data?.total_uncompressed_size ?? 0n);
    this.#groups.push({
      columns: chunks,
      total_byte_size: sizes.reduce((sum, size) => sum + size, 0n),
      num_rows: BigInt(rows),
      total_compressed_size: BigInt(this.#writer.offset - start),
    });
    this.#rows += rows;
    await this.#flush();
  }

  async end(): Promise<void> {
    const { schema, key_value_metadata } = this.#origin;
    writeMetadata(this.#writer, {
      version: 2,
      created_by: "corral",
      schema: schema.map(toWritable),
      num_rows: BigInt(this.#rows),
      row_groups: this.#groups,
      metadata_length: 0,
      ...(key_value_metadata && { key_value_metadata }),
    });
    this.#writer.appendUint32(MAGIC);
    await this.#flush();
    await this.#upload.end();
  }

  #writeColumn({ path, name, physical }: ParquetLeaf, pageData: ColumnRows | undefined) {
    const type = path.at(-1)?.element.type;
    if (pageData === undefined || type === undefined) throw new Error(`no rows for column ${name}`);
    const { chunk } = writeColumn({
      writer: this.#writer,
      column: {
        columnName: name,
        element: physical,
        schemaPath: path.map(({ element }) => element),
        codec: "SNAPPY",
        compressors: { SNAPPY: snappyCompress },
        // Bounds would have to be ordered by what the values mean, which nobody looks at here.
        stats: false,
        pageSize: PAGE_BYTES,
        columnIndex: false,
        offsetIndex: false,
      },
      pageData,
    });
    return { ...chunk, ...(chunk.meta_data && { meta_data: { ...chunk.meta_data, type } }) };
  }

  async #flush(): Promise<void> {
    const bytes = this.#writer.getBytes().slice();
    // Offsets in the file go on; only the buffer begins again.
    this.#writer.index = 0;
    await this.#upload.write(bytes);
  }
}

/**
 * Says an integer's width in the older of two ways: hyparquet-writer 0.17.0 writes the newer one's number of bits as a
 * wider integer than it is, which Arrow refuses to read.
 */
function toWritable({ logical_type, ...element }: SchemaElement): SchemaElement {
  if (logical_type?.type !== "INTEGER") return { ...element, ...(logical_type && { logical_type }) };
  return { ...element, converted_type: INTEGERS[`${logical_type.isSigned ? "INT" : "UINT"}_${logical_type.bitWidth}`] };
}

const INTEGERS: Record<string, ConvertedType> = {
  INT_8: "INT_8",
  INT_16: "INT_16",
  INT_32: "INT_32",
  INT_64: "INT_64",
  UINT_8: "UINT_8",
  UINT_16: "UINT_16",
  UINT_32: "UINT_32",
  UINT_64: "UINT_64",
};
