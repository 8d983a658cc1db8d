import { CsvScanner } from "../tabular/csv-scanner.ts";
import { cutBlocks } from "../tabular/cut-blocks.ts";
import { detectDelimiter } from "../tabular/detect-delimiter.ts";
import { JsonLinesScanner } from "../tabular/json-lines-scanner.ts";
import { requireText } from "../tabular/require-text.ts";
import type { RowScanner } from "../tabular/row-scanner.ts";
import type { ByteSource } from "./byte-source.ts";
import type { ChunkStore } from "./chunk-store.ts";
import type { ChunkPlan } from "./plan-chunks.ts";
import type { ReadWatch } from "./read-watch.ts";
import { RowWriter } from "./row-writer.ts";
import type { Table } from "./table.ts";

/** Delimited text or a JSON value per line; its rows go into the chunks as they are, byte by byte. */
export class TextTable implements Table {
  readonly format: "csv" | "tsv" | "jsonl";
  readonly source: ByteSource;
  readonly #delimiter: string;
  readonly #headerRows: number;

  /** A tab between the fields at the head decides over a name that says otherwise. */
  constructor(source: ByteSource, format: "csv" | "tsv" | "jsonl", head: Buffer) {
    this.source = source;
    this.#delimiter = format === "jsonl" ? "" : detectDelimiter(head);
    this.#headerRows = format === "jsonl" ? 0 : 1;
    this.format = format === "jsonl" ? format : this.#delimiter === "\t" ? "tsv" : "csv";
  }

  async countRows(watch: ReadWatch): Promise<number> {
    const { name } = this.source;
    const scanner = this.#scanner(true);
    let rows = 0;
    const tell = this.#tellOf((count) => {
      rows += count;
      watch.onRows(count);
    });
    for await (const block of cutBlocks(name, this.source.open(watch.onBytes), scanner)) {
      requireText(name, block, scanner.line);
      for (let at = 0; at < block.length; ) {
        const scan = scanner.scan(block, at, Number.POSITIVE_INFINITY);
        tell(scan.rows);
        at = scan.next;
      }
    }
    tell(scanner.end());
    return rows;
  }

  async writeChunks(plan: ChunkPlan, store: ChunkStore, watch: ReadWatch): Promise<void> {
    const scanner = this.#scanner(false);
    const tell = this.#tellOf(watch.onRows);
    const writer = new RowWriter(plan, store, this.#headerRows);
    for await (const block of cutBlocks(this.source.name, this.source.open(watch.onBytes), scanner)) {
      for (let at = 0; at < block.length; ) {
        const scan = scanner.scan(block, at, await writer.room());
        await writer.write(block.subarray(at, scan.end), scan.rows);
        tell(scan.rows);
        at = scan.next;
      }
    }
    const unended = scanner.end();
    if (unended > 0) await writer.endLastRow();
    tell(unended);
    writer.requireEnd();
  }

  /** Tells of rows, of which the header is none. */
  #tellOf(onRows: (count: number) => void): (rows: number) => void {
    let header = this.#headerRows;
    return (rows) => {
      const skipped = Math.min(header, rows);
      header -= skipped;
      onRows(rows - skipped);
    };
  }

  #scanner(strict: boolean): RowScanner {
    const { name } = this.source;
    if (this.format === "jsonl") return new JsonLinesScanner({ name, strict });
    return new CsvScanner({ name, delimiter: this.#delimiter, strict });
  }
}
