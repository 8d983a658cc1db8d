import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { ColumnType } from "./column-type.ts";

export interface ResultColumn {
  name: string;
  type: ColumnType;
  nullable: boolean;
  database?: string;
  schema?: string;
  table?: string;
}

export interface Chunk {
  name: string;
  rowCount: number;
  compressedSize: number;
  uncompressedSize: number;
}

/** A result as it is kept until someone reads it: the first rows in memory, the rest in files. */
export interface StoredResult {
  columns: ResultColumn[];
  /** The first rows as JSON arrays, joined by commas. */
  inline: string;
  inlineRows: number;
  chunks: Chunk[];
  total: number;
}

const INLINE_ROWS = 1000;
const INLINE_BYTES = 100_000;
const FIRST_CHUNK_BYTES = 250_000;
const LARGEST_CHUNK_BYTES = 4_000_000;
const compress = promisify(gzip);

/** A chunk that is being compressed. */
interface Packing {
  body: Promise<Buffer>;
  rowCount: number;
  uncompressedSize: number;
}

const NEWLINE = 0x0a;
const COMMA = 0x2c;

/**
 * Takes the lines of a file, each of them a row as a JSON array, and lays them down as Snowflake does: some inline, the
 * rest in growing gzipped chunks in a folder of theirs. The lines stay bytes: as strings they would take twice as long.
 */
export class ResultWriter {
  readonly #folder: string;
  readonly #chunks: Chunk[] = [];
  /** What is not laid down yet: rows, each with a comma behind it. */
  #pieces: Buffer[] = [];
  #bytes = 0;
  #rows = 0;
  #inline: { text: string; rows: number } | undefined;
  #total = 0;
  #limit = FIRST_CHUNK_BYTES;
  #packing: Packing | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Takes the next bytes of the file, which are changed. */
  async add(bytes: Buffer): Promise<void> {
    let begin = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) {
      bytes[at] = COMMA;
      this.#rows += 1;
      if (!this.#isFull(this.#bytes + at + 1 - begin)) continue;
      this.#keep(bytes.subarray(begin, at + 1));
      begin = at + 1;
      await this.#flush();
    }
    this.#keep(bytes.subarray(begin));
  }

  async finish(columns: ResultColumn[]): Promise<StoredResult> {
    if (this.#rows > 0) await this.#flush();
    await this.#store();
    const { text, rows } = this.#inline ?? { text: "", rows: 0 };
    return { columns, inline: text, inlineRows: rows, chunks: this.#chunks, total: this.#total };
  }

  #isFull(bytes: number): boolean {
    if (this.#inline === undefined) return this.#rows >= INLINE_ROWS || bytes >= INLINE_BYTES;
    return bytes >= this.#limit;
  }

  #keep(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
  }

  async #flush(): Promise<void> {
    // Without the last comma.
    const body = Buffer.concat(this.#pieces, this.#bytes - 1);
    const rowCount = this.#rows;
    this.#pieces = [];
    this.#bytes = 0;
    this.#rows = 0;
    this.#total += rowCount;
    if (this.#inline === undefined) {
      this.#inline = { text: body.toString(), rows: rowCount };
      return;
    }
    this.#limit = Math.min(this.#limit * 2, LARGEST_CHUNK_BYTES);
    // Compressed by another thread while the next rows are read.
    const packed = compress(body, { level: 1 });
    packed.catch(() => undefined);
    await this.#store();
    this.#packing = { body: packed, rowCount, uncompressedSize: body.length };
  }

  async #store(): Promise<void> {
    if (this.#packing === undefined) return;
    const { rowCount, uncompressedSize } = this.#packing;
    const body = await this.#packing.body;
    const name = String(this.#chunks.length);
    if (this.#chunks.length === 0) await mkdir(this.#folder, { recursive: true });
    await writeFile(join(this.#folder, name), body);
    this.#chunks.push({ name, rowCount, compressedSize: body.length, uncompressedSize });
  }
}

/** A result of which the rows are known. */
export function smallResult(columns: ResultColumn[], rows: (string | null)[][]): StoredResult {
  const inline = rows.map((row) => JSON.stringify(row)).join(",");
  return { columns, inline, inlineRows: rows.length, chunks: [], total: rows.length };
}

/** The columns that most statements answer with: text. */
export const textColumns = (...names: string[]): ResultColumn[] =>
  names.map((name) => ({ name, type: { kind: "text", length: 16_777_216 }, nullable: true }));

export const statusResult = (text: string) => smallResult(textColumns("status"), [[text]]);
