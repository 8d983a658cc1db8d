import { createHash } from "node:crypto";
import { crc32c } from "@node-rs/crc32";
import { expect, test } from "vitest";
import type { Content } from "../../../local/kaggle/content.ts";
import { syntheticDataset } from "../../../local/kaggle/synthetic-dataset.ts";
import { encodeCrc32c } from "../../../shared/cloud/crc32c.ts";

const BYTES = 7 * 2 ** 20 + 12_345;

function contentOf(ref: string, bytes: number, md5 = false): Content {
  const content = syntheticDataset({ ref, bytes, md5 }).versions[0]?.archive;
  if (content === undefined) throw new Error("A synthetic dataset has an archive");
  return content;
}
const bytesOf = (content: Content, start = 0, end = content.size) => Buffer.concat([...content.read(start, end)]);

test.each([0, 1, 1_048_572, 1_048_573, 1_048_574, BYTES])(
  "the checksums of %i bytes are those of the bytes",
  async (size) => {
    const content = contentOf("labs/sums", size, true);
    const bytes = bytesOf(content);
    expect(bytes).toHaveLength(size);
    expect(await content.hashes()).toEqual({
      crc32c: encodeCrc32c(crc32c(bytes)),
      md5: createHash("md5").update(bytes).digest("base64"),
    });
  },
);

test("no MD5 is named unless asked for, and no byte is read for the CRC32C of four GiB", async () => {
  expect(Object.keys(await contentOf("labs/huge", 4 * 2 ** 30).hashes())).toEqual(["crc32c"]);
});

test("a range holds the same bytes as the whole", () => {
  const content = contentOf("labs/ranges", BYTES);
  const whole = bytesOf(content);
  for (const [start, end] of [
    [0, 10],
    [1_048_570, 1_048_580],
    [3_000_000, BYTES],
  ] as const)
    expect(bytesOf(content, start, end).equals(whole.subarray(start, end))).toBe(true);
});

test("parts at round offsets all differ, so that swapped ones are noticed", () => {
  const content = contentOf("labs/parts", BYTES);
  const part = (index: number) => bytesOf(content, index * 2 ** 20, (index + 1) * 2 ** 20);
  const digests = [0, 1, 2, 3, 4, 5, 6].map((index) => createHash("sha256").update(part(index)).digest("hex"));
  expect(new Set(digests).size).toBe(7);
});

test("the bytes follow from the ref", async () => {
  const sumOf = async (ref: string) => (await contentOf(ref, BYTES).hashes()).crc32c;
  expect(await sumOf("labs/one")).toBe(await sumOf("labs/one"));
  expect(await sumOf("labs/one")).not.toBe(await sumOf("labs/two"));
});
