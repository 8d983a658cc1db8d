import { describe, expect, it } from "vitest";
import type { NumberType } from "../../../jobs/aggregate/fedavg/number-types.ts";
import { openMean } from "../../../jobs/aggregate/fedavg/running-mean.ts";
import { decodeBrains, decodeHalves, encodeBrain, encodeHalf } from "../../../jobs/aggregate/fedavg/small-floats.ts";

type Numbers = Float64Array | Float32Array | BigInt64Array | BigUint64Array | Int32Array | Int8Array | Uint8Array;

/** The mean of arrays by these weights, as an array of the same type. */
function mean<T extends Numbers>(type: NumberType, arrays: T[], weights = arrays.map(() => 1)): (number | bigint)[] {
  const [first] = arrays;
  if (first === undefined) return [];
  const running = openMean(
    type,
    first.length,
    weights.reduce((sum, weight) => sum + weight, 0),
  );
  for (const [index, array] of arrays.entries())
    running.add(new Uint8Array(array.buffer).slice().buffer, weights[index] ?? 0);
  const Type = first.constructor;
  const bytes = new Uint8Array(running.finish()).buffer;
  return Array.from(Reflect.construct(Type, [bytes]));
}

describe("the mean of floats", () => {
  it("is the weighted mean, rounded once", () => {
    expect(mean("F64", [Float64Array.of(1, 2), Float64Array.of(2, 4)], [1, 3])).toEqual([1.75, 3.5]);
    expect(mean("F32", [Float32Array.of(0.1), Float32Array.of(0.2)])).toEqual([
      Math.fround((Math.fround(0.1) + Math.fround(0.2)) / 2),
    ]);
  });

  it("of equal numbers is that number, whatever the weights", () => {
    const values = Float32Array.from({ length: 2000 }, (_, index) => Math.sin(index) * 10 ** ((index % 60) - 30));
    const weights = [1, 7, 1_000_003, 12];
    expect(
      mean(
        "F32",
        weights.map(() => values),
        weights,
      ),
    ).toEqual(Array.from(values));
  });

  it("does not overflow where the mean does not", () => {
    const largest = Number.MAX_VALUE;
    const weights = [1_000_000, 3_000_000];
    expect(mean("F64", [Float64Array.of(largest), Float64Array.of(largest)], weights)).toEqual([largest]);
    expect(mean("F64", [Float64Array.of(largest), Float64Array.of(-largest)])).toEqual([0]);
  });

  it("passes on what is infinite or not a number, and keeps the sign of zero", () => {
    const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 5e-324];
    expect(mean("F64", [Float64Array.from(odd)], [1])).toEqual(odd);
    expect(mean("F32", [Float32Array.of(Number.POSITIVE_INFINITY), Float32Array.of(Number.NEGATIVE_INFINITY)])).toEqual(
      [Number.NaN],
    );
    expect(mean("F32", [Float32Array.of(1), Float32Array.of(Number.NaN)])).toEqual([Number.NaN]);
  });
});

const PATTERNS = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

describe.each([
  ["half", encodeHalf, decodeHalves(PATTERNS), 0x7c00],
  ["brain", encodeBrain, decodeBrains(PATTERNS), 0x7f80],
] as const)("a %s float", (_, encode, values, infinity) => {
  it("is the pattern that it was decoded from", () => {
    const patterns = Array.from({ length: 65536 }, (_, bits) => bits);
    const wrong = patterns.filter((bits) => {
      const value = values[bits] ?? 0;
      const again = encode(value);
      return Number.isNaN(value) ? !Number.isNaN(values[again]) : again !== bits;
    });
    expect(wrong).toEqual([]);
  });

  it("is the nearest to what lies between two, of two the even one, and never rounded twice", () => {
    const patterns = Array.from({ length: infinity - 1 }, (_, bits) => bits);
    const wrong = patterns.filter((bits) => {
      const middle = ((values[bits] ?? 0) + (values[bits + 1] ?? 0)) / 2;
      const nudge = middle * 2 ** -50;
      return (
        encode(middle) !== bits + (bits % 2) ||
        encode(middle - nudge) !== bits ||
        encode(middle + nudge) !== bits + 1 ||
        encode(-middle - nudge) !== (0x8000 | (bits + 1))
      );
    });
    expect(wrong).toEqual([]);
  });

  it("is infinite from halfway behind the largest one on", () => {
    const largest = values[infinity - 1] ?? 0;
    const step = largest - (values[infinity - 2] ?? 0);
    expect(encode(largest + step / 2)).toBe(infinity);
    expect(encode(largest + step / 2.001)).toBe(infinity - 1);
    expect(encode(-1e300)).toBe(0x8000 | infinity);
  });
});

describe("the mean of integers", () => {
  it("is rounded to the nearest, of two the even one", () => {
    const [a, b] = [Int8Array.of(1, 2, -1, -2, 127, -128, 0), Int8Array.of(2, 3, -2, -3, 127, -128, -1)];
    expect(mean("I8", [a, b])).toEqual([2, 2, -2, -2, 127, -128, 0]);
    expect(mean("U8", [Uint8Array.of(255, 0), Uint8Array.of(255, 2)], [3, 1])).toEqual([255, 0]);
    expect(mean("I32", [Int32Array.of(-(2 ** 31), 7), Int32Array.of(2 ** 31 - 1, 8)], [1, 2])).toEqual([715827882, 8]);
  });

  it("is exact where a double is not", () => {
    const large = 2n ** 62n + 1n;
    expect(mean("I64", [BigInt64Array.of(large, -large), BigInt64Array.of(large + 2n, -large)])).toEqual([
      large + 1n,
      -large,
    ]);
    expect(mean("I64", [BigInt64Array.of(-3n, 3n, -5n), BigInt64Array.of(-2n, 2n, -4n)])).toEqual([-2n, 2n, -4n]);
    expect(mean("U64", [BigUint64Array.of(2n ** 64n - 1n), BigUint64Array.of(2n ** 64n - 1n)])).toEqual([
      2n ** 64n - 1n,
    ]);
    // Weights so large that the sums of 32 bits do not fit into a double.
    const weights = [2 ** 40, 2 ** 40 + 1];
    expect(mean("I32", [Int32Array.of(1, 2 ** 31 - 1), Int32Array.of(2, 2 ** 31 - 1)], weights)).toEqual([
      2,
      2 ** 31 - 1,
    ]);
  });
});
