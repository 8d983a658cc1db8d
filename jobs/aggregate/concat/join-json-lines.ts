import { JsonLinesScanner } from "../../tabular/json-lines-scanner.ts";
import type { Combined } from "../combined.ts";
import type { ResultFile } from "../result-file.ts";
import { readContents } from "./read-contents.ts";
import { readRows } from "./read-rows.ts";

/** Texts of a JSON value per line, below each other. */
export function joinJsonLines(results: ResultFile[]): Combined {
  const progress = { rows: 0 };
  return {
    extension: "jsonl",
    contentType: "application/jsonl",
    content: generate(results, progress),
    details: () => ({ format: "jsonl", ...progress }),
  };
}

async function* generate(results: ResultFile[], progress: { rows: number }): AsyncGenerator<Uint8Array> {
  for await (const { result, content } of readContents(results)) {
    const scanner = new JsonLinesScanner({ name: result.label, strict: true });
    for await (const { bytes, rows } of readRows(result.label, content, scanner)) {
      progress.rows += rows;
      yield bytes;
    }
  }
}
