import type { Both } from "./number-of.ts";

/** The least and the largest of a column's numbers as decimal text, with as many digits after the point as all have. */
export interface Ends {
  least: string;
  largest: string;
}

const SUM_LIMIT = 10n ** 38n;
const LARGEST_BIGINT = 2n ** 63n - 1n;
/** Snowflake keeps at least so many digits after a product's point: https://docs.snowflake.com/en/sql-reference/operators-arithmetic */
const PRODUCT_SCALE = 12;

/**
 * The squared distances of numbers from the middle of their range, which Snowflake and DuckDB add up exactly; undefined
 * where that could take more than 38 digits. Beside an equal sum, numbers that differ rarely agree in this, too. What
 * the snapshot's range does not have counts as nothing.
 */
export function squaresOf(number: Both, scale: number, ends: Ends | null, rows: bigint): Both | undefined {
  if (ends === null || 2 * scale > PRODUCT_SCALE) return undefined;
  const [least, largest] = [unscaled(ends.least), unscaled(ends.largest)];
  const middle = (least + largest) / 2n;
  const farthest = largest - middle > middle - least ? largest - middle : middle - least;
  if (farthest * farthest * rows >= SUM_LIMIT) return undefined;
  const away = (value: string) => `(${value} - (${scaled(middle, scale)}))`;
  const isShort = scale === 0 && [-least, largest, farthest * farthest].every((one) => one < LARGEST_BIGINT);
  // 64 bits are multiplied many times faster than 128.
  const type = isShort ? "BIGINT" : `DECIMAL(38,${scale})`;
  const [theirs, ours] = [away(number.source), away(`(${number.snapshot})::${type}`)];
  return {
    source: `CASE WHEN ABS(${theirs}) <= ${scaled(farthest, scale)} THEN ${theirs} * ${theirs} END`,
    snapshot: `${ours} * ${ours}`,
  };
}

const unscaled = (text: string) => BigInt(text.replace(".", ""));

function scaled(value: bigint, scale: number): string {
  const text = String(value < 0n ? -value : value).padStart(scale + 1, "0");
  const point = text.length - scale;
  return `${value < 0n ? "-" : ""}${text.slice(0, point)}${scale === 0 ? "" : `.${text.slice(point)}`}`;
}
