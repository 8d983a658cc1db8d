/** How much each result counts. */
export interface Weights {
  /** A whole number each, as exact as a double is. */
  whole: number[];
  total: number;
  by: "rows" | "equal";
  /** Why they are equal, if they are. */
  reason?: string;
}

/** Weighs results by their rows; equally when a count is missing, or when they have none at all. */
export function weigh(rows: (number | null)[]): Weights {
  const known = rows.flatMap((count) => count ?? []);
  if (known.length < rows.length) {
    const missing = rows.length - known.length;
    return equal(rows.length, `the rows of ${missing} of ${rows.length} results are not known`);
  }
  const total = known.reduce((sum, count) => sum + count, 0);
  if (total === 0) return equal(rows.length, "no result has any rows");
  return { whole: known, total, by: "rows" };
}

function equal(count: number, reason: string): Weights {
  return { whole: Array.from({ length: count }, () => 1), total: count, by: "equal", reason };
}
