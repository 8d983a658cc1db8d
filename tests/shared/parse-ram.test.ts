import { expect, test } from "vitest";
import { parseRamGb } from "../../shared/parse-ram.ts";

test.each<[string | number, number]>([
  ["64GB", 64],
  ["64 GiB", 64],
  ["64G", 64],
  [" 64 gb ", 64],
  ["65536 MB", 64],
  ["65,536 MiB", 64],
  ["62.7 GB", 62.7],
  ["15,6 GB", 15.6],
  ["1.5TB", 1536],
  ["32839232 kB", 31.318],
  ["68719476736", 64],
  ["68719476736 B", 64],
  ["64", 64],
  [64, 64],
  [15.5, 15.5],
  [68_719_476_736, 64],
])("%j is %d GB", (ram, gb) => {
  expect(parseRamGb(ram)).toBe(gb);
});

test.each<[string | number]>([
  ["lots"],
  [""],
  ["GB"],
  ["-4 GB"],
  ["0 GB"],
  ["1,23,4 GB"],
  ["64 GB of RAM"],
  ["64 XB"],
  ["1e99 GB"],
  ["9999999 TB"],
  [Number.NaN],
  [-1],
])("%j is no size", (ram) => {
  expect(parseRamGb(ram)).toBeNull();
});
