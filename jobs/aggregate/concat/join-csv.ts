import { parse } from "csv-parse/sync";
import { JobFailure } from "../../job-failure.ts";
import { CsvScanner } from "../../tabular/csv-scanner.ts";
import { HEAD_BYTES } from "../../tabular/detect-content.ts";
import { detectDelimiter } from "../../tabular/detect-delimiter.ts";
import type { Combined } from "../combined.ts";
import type { ResultFile } from "../result-file.ts";
import { readContents } from "./read-contents.ts";
import { readRows } from "./read-rows.ts";

const BYTE_ORDER_MARK = "\ufeff";
/** How many columns an error names. */
const MOST_NAMES = 20;

/** Delimited texts below each other: the first one's header, then everyone's rows. */
export async function joinCsv(results: ResultFile[]): Promise<Combined> {
  const delimiter = await findDelimiter(results[0]);
  const progress = { rows: 0, columns: 0 };
  return {
    extension: delimiter === "\t" ? "tsv" : "csv",
    contentType: delimiter === "\t" ? "text/tab-separated-values" : "text/csv",
    content: generate(results, delimiter, progress),
    details: () => ({ format: delimiter === "\t" ? "tsv" : "csv", ...progress }),
  };
}

async function* generate(
  results: ResultFile[],
  delimiter: string,
  progress: { rows: number; columns: number },
): AsyncGenerator<Uint8Array> {
  let first: { label: string; columns: string[] } | undefined;
  for await (const { result, content } of readContents(results)) {
    const { label } = result;
    const scanner = new CsvScanner({ name: label, delimiter, strict: true });
    let isHeader = true;
    for await (const { bytes, rows } of readRows(label, content, scanner)) {
      if (!isHeader) {
        progress.rows += rows;
        yield bytes;
        continue;
      }
      isHeader = false;
      const columns = readHeader(bytes, delimiter, label);
      if (first === undefined) {
        first = { label, columns };
        progress.columns = columns.length;
        yield bytes;
      } else requireSameColumns(first, { label, columns });
    }
  }
}

async function findDelimiter(result: ResultFile | undefined): Promise<string> {
  if (result === undefined) return ",";
  const head = await result.source.read(0, Math.min(result.source.size, HEAD_BYTES));
  const hasMark = head.toString("utf8", 0, 3) === BYTE_ORDER_MARK;
  return detectDelimiter(hasMark ? head.subarray(3) : head);
}

function readHeader(row: Buffer, delimiter: string, label: string): string[] {
  try {
    const [columns = []] = parse(row, { delimiter, relax_quotes: true });
    return columns;
  } catch (error) {
    throw new JobFailure("result_unreadable", `Cannot join ${label}: its header cannot be read.`, { cause: error });
  }
}

interface Header {
  label: string;
  columns: string[];
}

function requireSameColumns(first: Header, other: Header): void {
  const length = Math.max(first.columns.length, other.columns.length);
  for (let index = 0; index < length; index++) {
    if (first.columns[index] === other.columns[index]) continue;
    const show = ({ columns }: Header) => (index < columns.length ? JSON.stringify(columns[index]) : "nothing");
    throw new JobFailure(
      "results_differ",
      `Cannot join ${other.label}: its column ${index + 1} is ${show(other)}, and that of ${first.label} is ${show(first)} (all of ${first.label}: ${first.columns.slice(0, MOST_NAMES).join(", ")}).`,
    );
  }
}
