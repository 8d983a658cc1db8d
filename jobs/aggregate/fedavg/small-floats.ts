/** A binary floating-point format of 16 bits. */
interface SmallFloat {
  /** Bits of the significand that are stored. */
  fraction: number;
  /** The exponent of the smallest normal number. */
  least: number;
  /** Positive infinity. */
  infinity: number;
  nan: number;
}

/** IEEE 754 binary16. */
const HALF: SmallFloat = { fraction: 10, least: -14, infinity: 0x7c00, nan: 0x7e00 };
/** The upper half of a binary32. */
const BRAIN: SmallFloat = { fraction: 7, least: -126, infinity: 0x7f80, nan: 0x7fc0 };

/** Adding it rounds to whole numbers, of two the even one. */
const MAGIC = 2 ** 52;
const SPECIAL = 0x7ff;
const scratch = new Float64Array(1);
const words = new Uint32Array(scratch.buffer);

/** What the 11 bits of a double's exponent mean for the smaller format. */
interface Encoder extends SmallFloat {
  /** One over the unit of the last place. */
  scales: Float64Array;
  /** The bits of the smaller exponent, less the significand's leading one. */
  bases: Int32Array;
}

function prepare(format: SmallFloat): Encoder {
  const { fraction, least } = format;
  const exponents = Array.from({ length: SPECIAL }, (_, bits) => Math.max(bits - 1023, least));
  return {
    ...format,
    scales: Float64Array.from(exponents, (exponent) => 2 ** (fraction - exponent)),
    bases: Int32Array.from(exponents, (exponent) => (exponent - least) << fraction),
  };
}

/** The bits of the number nearest to a value, of two the even one: rounded once, since twice may be wrong. */
function encode(value: number, { scales, bases, infinity, nan }: Encoder): number {
  scratch[0] = value;
  const high = words[1] ?? 0;
  const sign = (high >>> 16) & 0x8000;
  const exponent = (high >>> 20) & SPECIAL;
  if (exponent === SPECIAL) return Number.isNaN(value) ? nan : sign | infinity;
  const units = Math.abs(value) * (scales[exponent] ?? 0) + MAGIC - MAGIC;
  // A carry out of the significand goes where it belongs, into the exponent; and from the largest number to infinity.
  return sign | Math.min((bases[exponent] ?? 0) + units, infinity);
}

const HALF_ENCODER = prepare(HALF);
const BRAIN_ENCODER = prepare(BRAIN);

export const encodeHalf = (value: number): number => encode(value, HALF_ENCODER);
export const encodeBrain = (value: number): number => encode(value, BRAIN_ENCODER);

/** The numbers that patterns of 16 bits stand for. */
export function decodeHalves(patterns: Uint16Array): Float32Array {
  const values = new Float32Array(patterns.length);
  for (let index = 0; index < patterns.length; index++) values[index] = HALF_VALUES[patterns[index] ?? 0] ?? 0;
  return values;
}

/** The same for brain floats, which are what a float of 32 bits begins with. */
export function decodeBrains(patterns: Uint16Array): Float32Array {
  const values = new Uint32Array(patterns.length);
  for (let index = 0; index < patterns.length; index++) values[index] = (patterns[index] ?? 0) << 16;
  return new Float32Array(values.buffer);
}

const HALF_VALUES = Float32Array.from({ length: 65536 }, (_, bits) => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
});
