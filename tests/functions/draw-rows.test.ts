import { expect, test } from "vitest";
import { drawRows, randomSeed, toRowCount } from "../../functions/api/draw-rows.ts";

const rows = Array.from({ length: 10 }, (_, index) => index);

test("draws as many as asked for, none twice", () => {
  for (const count of [0, 1, 5, 10]) {
    const drawn = drawRows(rows, count, 7);
    expect(drawn).toHaveLength(count);
    expect(new Set(drawn).size).toBe(count);
  }
  expect(drawRows(rows, 11, 7).sort((a, b) => a - b)).toEqual(rows);
});

test("draws the same by the same seed, fewer being the first of more, and others by another", () => {
  expect(drawRows(rows, 10, 7)).toEqual(drawRows(rows, 10, 7));
  expect(drawRows(rows, 4, 7)).toEqual(drawRows(rows, 10, 7).slice(0, 4));
  expect(drawRows(rows, 10, 8)).not.toEqual(drawRows(rows, 10, 7));
});

test("draws each row as often as any other, at every place", () => {
  const seeds = 20_000;
  const times = rows.map(() => [0, 0, 0]);
  for (let seed = 0; seed < seeds; seed++) {
    for (const [place, row] of drawRows(rows, 3, seed).entries()) {
      const counts = times[row];
      if (counts !== undefined) counts[place] = (counts[place] ?? 0) + 1;
    }
  }
  // Six standard deviations of a binomial with a chance of one in ten.
  const deviation = Math.sqrt(seeds * 0.1 * 0.9);
  for (const count of times.flat()) expect(Math.abs(count - seeds / 10)).toBeLessThan(6 * deviation);
});

test("a size is a number of rows, or a fraction of all", () => {
  expect([1, 5, 100].map((size) => toRowCount(size, 50))).toEqual([1, 5, 50]);
  expect([0.5, 0.999, 0.001].map((size) => toRowCount(size, 50))).toEqual([25, 50, 1]);
  expect([1, 0.5].map((size) => toRowCount(size, 0))).toEqual([0, 0]);
});

test("a seed is a whole number that SQL takes", () => {
  for (let time = 0; time < 100; time++) {
    const seed = randomSeed();
    expect(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31).toBe(true);
  }
});
