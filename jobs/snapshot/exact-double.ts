/**
 * Doubles, proven without their decimal text, which engines print and sum differently. Multiplying by a power of two,
 * cutting off a fraction and taking it apart lose no bit in IEEE 754: what comes out are integers, the same everywhere.
 */
export interface DoubleRange {
  /** The largest absolute value that is finite; 0 for none. */
  largest: number;
  /** The smallest that is not zero; 0 for none. */
  smallest: number;
}

/** How a dialect says it. */
export interface DoubleDialect {
  /** 2 to a power, as a double. */
  powerOfTwo: (exponent: number) => string;
  /** An integer of at most 52 bits, told as a double, as an exact number. */
  toInteger: (double: string) => string;
  toText: (integer: string) => string;
}

/** Bits of an integer that a double can hold with room for one more. */
const BITS = 52;
/** What is left of a double's bits once the integer part has at least as many. */
const WINDOW = BITS / 2;
const REST_BITS = BITS - WINDOW + 1;
const LARGEST_EXPONENT = 1023;

/**
 * The integer part of a value once the column's largest fills 52 bits; what is not finite, or beyond what the snapshot
 * holds, counts as 0.
 */
export function scaledDoubleSql(value: string, { largest }: DoubleRange, dialect: DoubleDialect): string {
  const top = exponentAbove(largest);
  const scaled = `TRUNC(${timesPowerOfTwo(value, BITS - top, dialect)})`;
  return `CASE WHEN ${isBelow(value, top, dialect)} THEN ${dialect.toInteger(scaled)} ELSE 0 END`;
}

/** Every bit of a finite value, as text: an integer, and which power of two it is scaled by; null for zero. */
export function exactDoubleSql(value: string, range: DoubleRange, dialect: DoubleDialect): string {
  const tops = windowTops(range);
  const choose = (then: (top: number) => string) =>
    `CASE ${tops.map((top) => `WHEN ${isBelow(value, top, dialect)} THEN ${then(top)}`).join(" ")} END`;
  if (tops.length === 0) return `CASE WHEN ${value} = 0 THEN CAST(NULL AS VARCHAR) END`;
  const scaled = choose((top) => timesPowerOfTwo(value, BITS - top, dialect));
  const rest = `(${scaled} - TRUNC(${scaled})) * ${dialect.powerOfTwo(REST_BITS)}`;
  const parts = [scaled, rest].map((part) => dialect.toText(dialect.toInteger(`TRUNC(${part})`)));
  const text = `${parts.join(" || ' ' || ")} || ' ' || ${choose((top) => `'${top}'`)}`;
  return `CASE WHEN ${value} <> 0 THEN ${text} END`;
}

/** Powers of two that bound the windows which the column's values lie in, in rising order. */
function windowTops({ smallest, largest }: DoubleRange): number[] {
  if (largest === 0) return [];
  const tops: number[] = [];
  const last = exponentAbove(largest);
  for (let top = exponentAbove(smallest); top < last; top += WINDOW) tops.push(top);
  return [...tops, last];
}

/** The smallest power of two that is larger. */
function exponentAbove(value: number): number {
  if (value === 0) return 0;
  let exponent = Math.floor(Math.log2(value));
  while (exponent <= LARGEST_EXPONENT && 2 ** exponent <= value) exponent++;
  while (2 ** (exponent - 1) > value) exponent--;
  return exponent;
}

function isBelow(value: string, exponent: number, { powerOfTwo }: DoubleDialect): string {
  return `ABS(${value}) < ${exponent > LARGEST_EXPONENT ? "'inf'::FLOAT8" : powerOfTwo(exponent)}`;
}

/** A factor that no double holds is taken in two steps. */
function timesPowerOfTwo(value: string, exponent: number, { powerOfTwo }: DoubleDialect): string {
  if (exponent <= LARGEST_EXPONENT) return `(${value} * ${powerOfTwo(exponent)})`;
  return `(${value} * ${powerOfTwo(LARGEST_EXPONENT)} * ${powerOfTwo(exponent - LARGEST_EXPONENT)})`;
}
