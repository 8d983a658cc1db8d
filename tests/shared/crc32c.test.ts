import { randomBytes } from "node:crypto";
import { crc32c } from "@node-rs/crc32";
import { describe, expect, test } from "vitest";
import { combineCrc32c, decodeCrc32c, encodeCrc32c } from "../../shared/cloud/crc32c.ts";

const of = (bytes: Uint8Array) => encodeCrc32c(crc32c(bytes));

describe("a combined CRC32C", () => {
  test.each([
    [0, 0],
    [0, 5],
    [5, 0],
    [1, 1],
    [9, 4096],
    [262144, 262145],
    [3_000_000, 1_234_567],
  ])("of %i and %i bytes is the checksum of both in a row", (first, second) => {
    const bytes = randomBytes(first + second);
    expect(combineCrc32c(of(bytes.subarray(0, first)), of(bytes.subarray(first)), second)).toBe(of(bytes));
  });

  test("holds where lengths exceed 32 bits", () => {
    const block = new Uint8Array(1 << 20);
    let sum = of(block);
    let length = block.length;
    // Doubles up to 8 GiB; any split of the same bytes has to agree with any other.
    const halves = [{ sum, length }];
    while (length < 8 * 2 ** 30) {
      sum = combineCrc32c(sum, sum, length);
      length *= 2;
      halves.push({ sum, length });
    }
    const small = halves[0] ?? { sum, length };
    expect(combineCrc32c(small.sum, sum, length)).toBe(combineCrc32c(sum, small.sum, small.length));
    expect(length).toBeGreaterThan(2 ** 32);
  });
});

test("the check value of the standard survives a round trip through base64", () => {
  const sum = crc32c(Buffer.from("123456789"));
  expect(sum).toBe(0xe3069283);
  expect(encodeCrc32c(sum)).toBe("4waSgw==");
  expect(decodeCrc32c("4waSgw==")).toBe(sum);
});

test.each(["", "4waSgw", "AAAA", "!!!!!!==", "AAAAAAA="])("%j is refused as a checksum", (text) => {
  expect(() => decodeCrc32c(text)).toThrow("Not a CRC32C");
});
