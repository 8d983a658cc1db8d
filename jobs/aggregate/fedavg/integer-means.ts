import { NUMBER_BYTES, type NumberType } from "./number-types.ts";
import type { RunningMean } from "./running-mean.ts";

type IntegerType = Exclude<NumberType, "F64" | "F32" | "F16" | "BF16" | "BOOL">;

/** Means of integers, exact and rounded to the nearest integer, of two the even one. */
export function meanOfIntegers(type: IntegerType, elements: number, totalWeight: number): RunningMean {
  const largest = 2 ** (NUMBER_BYTES[type] * 8);
  const fits = type !== "I64" && type !== "U64" && largest * totalWeight <= Number.MAX_SAFE_INTEGER;
  return fits ? inDoubles(SMALL[type], elements, totalWeight) : inBigInts(type, elements, totalWeight);
}

type SmallType = Exclude<IntegerType, "I64" | "U64">;

const SMALL = {
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
} as const;

function inDoubles(Numbers: (typeof SMALL)[SmallType], elements: number, totalWeight: number): RunningMean {
  const sums = new Float64Array(elements);
  return {
    add(bytes, weight) {
      const values = new Numbers(bytes);
      for (let index = 0; index < elements; index++) sums[index] = (sums[index] ?? 0) + (values[index] ?? 0) * weight;
      return true;
    },
    finish() {
      const means = new Numbers(elements);
      for (let index = 0; index < elements; index++) means[index] = divide(sums[index] ?? 0, totalWeight);
      return new Uint8Array(means.buffer);
    },
  };
}

function inBigInts(type: IntegerType, elements: number, totalWeight: number): RunningMean {
  const sums = Array.from({ length: elements }, () => 0n);
  const total = BigInt(totalWeight);
  return {
    add(bytes, weight) {
      const factor = BigInt(weight);
      const values = readBigInts(type, bytes);
      for (let index = 0; index < elements; index++)
        sums[index] = (sums[index] ?? 0n) + BigInt(values[index] ?? 0) * factor;
      return true;
    },
    finish: () =>
      writeBigInts(
        type,
        sums.map((sum) => divideBig(sum, total)),
      ),
  };
}

function readBigInts(type: IntegerType, bytes: ArrayBuffer) {
  if (type === "I64") return new BigInt64Array(bytes);
  if (type === "U64") return new BigUint64Array(bytes);
  return new SMALL[type](bytes);
}

function writeBigInts(type: IntegerType, values: bigint[]): Uint8Array {
  if (type === "I64") return new Uint8Array(BigInt64Array.from(values).buffer);
  if (type === "U64") return new Uint8Array(BigUint64Array.from(values).buffer);
  return new Uint8Array(SMALL[type].from(values.map(Number)).buffer);
}

/** Divides whole numbers; the remainder is compared exactly, where a quotient in floating point could look like a tie. */
function divide(sum: number, total: number): number {
  const quotient = Math.floor(sum / total);
  const twice = 2 * (sum - quotient * total);
  if (twice === total) return quotient + (Math.abs(quotient) % 2);
  return twice > total ? quotient + 1 : quotient;
}

function divideBig(sum: bigint, total: bigint): bigint {
  let quotient = sum / total;
  if (sum < quotient * total) quotient--;
  const twice = 2n * (sum - quotient * total);
  if (twice === total) return quotient + (quotient % 2n === 0n ? 0n : 1n);
  return twice > total ? quotient + 1n : quotient;
}
