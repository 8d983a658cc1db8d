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

/** Takes rows as JSON arrays and lays them down as Snowflake does: some inline, the rest in growing gzipped chunks. */
export class ResultWriter {
  readonly #columns: ResultColumn[];
  readonly #folder: string;
  readonly #chunks: Chunk[] = [];
  #rows: string[] = [];
  #bytes = 0;
  #inline: { text: string; rows: number } | undefined;
  #total = 0;
  #limit = FIRST_CHUNK_BYTES;
  #packing: Packing | undefined;

  constructor(columns: ResultColumn[], folder: string) {
    this.#columns = columns;
    this.#folder = folder;
  }

  async add(rows: string[]): Promise<void> {
    for (const row of rows) {
      this.#rows.push(row);
      this.#bytes += row.length + 1;
      this.#total += 1;
      const full =
        this.#inline === undefined
          ? this.#rows.length >= INLINE_ROWS || this.#bytes >= INLINE_BYTES
          : this.#bytes >= this.#limit;
      if (full) await this.#flush();
    }
  }

  async finish(): Promise<StoredResult> {
    if (this.#rows.length > 0 || this.#inline === undefined) await this.#flush();
    await this.#store();
    const { text, rows } = this.#inline ?? { text: "", rows: 0 };
    return { columns: this.#columns, inline: text, inlineRows: rows, chunks: this.#chunks, total: this.#total };
  }

  async #flush(): Promise<void> {
    const text = this.#rows.join(",");
    const rowCount = this.#rows.length;
    this.#rows = [];
    this.#bytes = 0;
    if (this.#inline === undefined) {
      this.#inline = { text, rows: rowCount };
      return;
    }
    this.#limit = Math.min(this.#limit * 2, LARGEST_CHUNK_BYTES);
    // Compressed by another thread while the next rows are made.
    const body = compress(text, { level: 1 });
    body.catch(() => undefined);
    await this.#store();
    this.#packing = { body, rowCount, uncompressedSize: Buffer.byteLength(text) };
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
