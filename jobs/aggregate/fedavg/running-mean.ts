import { meanOfIntegers } from "./integer-means.ts";
import type { NumberType } from "./number-types.ts";
import { decodeBrains, decodeHalves, encodeBrain, encodeHalf } from "./small-floats.ts";

/** The weighted mean of so many numbers each of several results, which are added one after another. */
export interface RunningMean {
  /** Takes one result's numbers, little-endian and aligned; false when they cannot differ but do. */
  add(bytes: ArrayBuffer, weight: number): boolean;
  /** The means, as the numbers were. */
  finish(): Uint8Array;
}

/** Begins a mean; the weights will add up to the total. */
export function openMean(type: NumberType, elements: number, totalWeight: number): RunningMean {
  switch (type) {
    case "BOOL":
      return onlyEqual();
    case "F64":
      return meanOfFloats(elements, totalWeight, (bytes) => new Float64Array(bytes), Float64Array);
    case "F32":
      return meanOfFloats(elements, totalWeight, (bytes) => new Float32Array(bytes), Float32Array);
    case "F16":
      return meanOfFloats(
        elements,
        totalWeight,
        (bytes) => decodeHalves(new Uint16Array(bytes)),
        Uint16Array,
        encodeHalf,
      );
    case "BF16":
      return meanOfFloats(
        elements,
        totalWeight,
        (bytes) => decodeBrains(new Uint16Array(bytes)),
        Uint16Array,
        encodeBrain,
      );
    default:
      return meanOfIntegers(type, elements, totalWeight);
  }
}

/** Truth has no mean. */
function onlyEqual(): RunningMean {
  let first: Buffer | undefined;
  return {
    add(bytes) {
      first ??= Buffer.from(bytes);
      return first.equals(new Uint8Array(bytes));
    },
    finish: () => first ?? Buffer.alloc(0),
  };
}

type FloatArray = Float64Array | Float32Array;

function meanOfFloats(
  elements: number,
  totalWeight: number,
  read: (bytes: ArrayBuffer) => FloatArray,
  Output: new (length: number) => FloatArray | Uint16Array,
  encode: (value: number) => number = (value) => value,
): RunningMean {
  // Below 1, so that the largest numbers do not overflow; by a power of two, so that nothing is rounded.
  const scale = 2 ** -Math.ceil(Math.log2(totalWeight));
  const total = totalWeight * scale;
  // Adding to -0 changes nothing, not even the sign of a zero.
  const sums = new Float64Array(elements).fill(-0);
  return {
    add(bytes, weight) {
      const values = read(bytes);
      const factor = weight * scale;
      for (let index = 0; index < elements; index++) sums[index] = (sums[index] ?? 0) + (values[index] ?? 0) * factor;
      return true;
    },
    finish() {
      const means = new Output(elements);
      for (let index = 0; index < elements; index++) means[index] = encode((sums[index] ?? 0) / total);
      return new Uint8Array(means.buffer, 0, means.byteLength);
    },
  };
}
