import type { DuckDBDataChunk } from "@duckdb/node-api";
import { type Cell, toCsvField, toJson } from "../../shared/cell.ts";
import { columnCells } from "../snapshot/nested-cells.ts";
import type { OutputFormat } from "./messages.ts";

/** What a preview holds at most. */
const PREVIEW_ROWS = 100;
const PREVIEW_BYTES = 64 * 1024;

/** The first rows of a result, as far as they fit. */
export class Preview {
  readonly rows: Cell[][] = [];
  #bytes = 0;
  #isFull = false;

  add(row: Cell[]): void {
    if (this.#isFull) return;
    this.#bytes += Buffer.byteLength(JSON.stringify(row)) + 1;
    this.#isFull = this.rows.length === PREVIEW_ROWS || this.#bytes > PREVIEW_BYTES;
    if (!this.#isFull) this.rows.push(row);
  }
}

/** Turns rows into text, which without anything between is the file that was asked for. */
export interface RowWriter {
  head: string;
  write: (row: Cell[]) => string;
  tail: string;
}

/**
 * CSV as RFC 4180 has it, where nothing between commas is NULL and "" an empty text; JSON as an array of objects, one a
 * line; for Parquet a line of JSON per row, which the runner makes columns of, by their positions.
 */
export function chooseWriter(format: OutputFormat, columns: readonly string[]): RowWriter {
  if (format === "csv") return { head: toCsvLine(columns.map(String)), write: toCsvLine, tail: "" };
  const keys = format === "json" ? columns : columns.map((_, index) => String(index));
  const toObject = objectWriter(keys);
  if (format === "parquet") return { head: "", write: (row) => `${toObject(row)}\n`, tail: "" };
  let isFirst = true;
  return {
    head: "[",
    write(row) {
      const lead = isFirst ? "\n" : ",\n";
      isFirst = false;
      return lead + toObject(row);
    },
    tail: "\n]\n",
  };
}

/** The rows of a chunk, as cells. */
export function* rowsOf(chunk: DuckDBDataChunk): Generator<Cell[]> {
  const columns = Array.from({ length: chunk.columnCount }, (_, index) => columnCells(chunk, index));
  for (let row = 0; row < chunk.rowCount; row++) yield columns.map((cells) => cells[row] ?? null);
}

function objectWriter(keys: readonly string[]): (row: Cell[]) => string {
  const leads = keys.map((key, index) => `${index === 0 ? "{" : ","}${JSON.stringify(key)}:`);
  return (row) => `${row.reduce<string>((text, cell, index) => text + leads[index] + toJson(cell), "")}}`;
}

function toCsvLine(row: Cell[]): string {
  return `${row.map(toCsvField).join(",")}\n`;
}
