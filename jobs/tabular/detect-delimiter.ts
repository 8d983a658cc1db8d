import { CsvScanner } from "./csv-scanner.ts";

const CANDIDATES = [",", "\t", ";", "|"];
const MAX_ROWS = 200;

/**
 * Tells what separates the fields of delimited text by its beginning: of the separators that split the first row, the
 * one that most rows agree with, and among equals the one that gives most fields. A table of one column has a comma.
 */
export function detectDelimiter(head: Buffer): string {
  const judged = CANDIDATES.map((delimiter) => ({ delimiter, ...judge(head, delimiter) }));
  const [best] = judged
    .filter(({ fields }) => fields > 1)
    .toSorted((a, b) => b.agreement - a.agreement || b.fields - a.fields);
  return best?.delimiter ?? ",";
}

/** How many fields a separator gives the first row, and what share of the rows has as many. */
function judge(head: Buffer, delimiter: string): { fields: number; agreement: number } {
  const scanner = new CsvScanner({ name: "", delimiter, strict: false });
  const counts: number[] = [];
  for (let at = 0; at < head.length && counts.length < MAX_ROWS; ) {
    const { next, rows } = scanner.scan(head, at, 1);
    if (rows > 0) counts.push(scanner.fields);
    at = next;
  }
  // A row that the head cuts off says nothing, unless it is all there is.
  if (counts.length === 0) counts.push(scanner.openFields);
  const [fields = 1] = counts;
  return { fields, agreement: counts.filter((count) => count === fields).length / counts.length };
}
