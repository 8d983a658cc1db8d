import { randomBytes } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { backends, type TestBucket } from "./backends.ts";
import { refusal } from "./refusal.ts";

const bytes = randomBytes(2_500_000);

describe.each(backends)("reads from $name", ({ open }) => {
  let at: TestBucket;
  beforeAll(async () => {
    at = await open();
    await at.bucket.file(`${at.prefix}data.bin`).save(bytes, { resumable: false });
  });
  afterAll(() => at.close());
  const file = (name = "data.bin", options = {}) => at.bucket.file(at.prefix + name, options);

  test.each(["crc32c", "md5"] as const)("a whole read is proven by its %s", async (validation) => {
    expect((await file().download({ validation }))[0].equals(bytes)).toBe(true);
  });

  test.each([
    [0, 0],
    [10, 19],
    [1_000_000, 1_999_999],
    [2_499_999, 9_999_999],
  ])("bytes %i to %i are those and no others", async (start, end) => {
    expect((await file().download({ start, end }))[0].equals(bytes.subarray(start, end + 1))).toBe(true);
  });

  test("a range without an end goes to the last byte", async () => {
    const [tail] = await file().download({ start: 2_400_000 });
    expect(tail.equals(bytes.subarray(2_400_000))).toBe(true);
  });

  test("a negative end asks for the last bytes", async () => {
    const tail = await buffer(file().createReadStream({ end: -7 }));
    expect(tail.equals(bytes.subarray(-7))).toBe(true);
  });

  test("a range that begins after the last byte is refused", async () => {
    expect(await refusal(file().download({ start: bytes.length }))).toBe(416);
  });

  test("an object that is not there is not found, and says which", async () => {
    expect(await refusal(file("none").getMetadata())).toBe(404);
    expect(await refusal(file("none").download())).toBe(404);
    const message = `No such object: ${at.bucket.name}/${at.prefix}none`;
    await expect(file("none").getMetadata()).rejects.toThrow(message);
    await expect(file("none").download()).rejects.toThrow(message);
    expect(await file("none").exists()).toEqual([false]);
    expect(await file().exists()).toEqual([true]);
  });

  test("only the live generation is found", async () => {
    const target = file("generations");
    await target.save("one", { resumable: false });
    const [{ generation: first }] = await target.getMetadata();
    await file("generations").save("two", { resumable: false });
    const [{ generation: second }] = await file("generations").getMetadata();
    expect(Number(second)).toBeGreaterThan(Number(first));
    expect(await refusal(file("generations", { generation: first }).getMetadata())).toBe(404);
    expect(await refusal(file("generations", { generation: first }).download())).toBe(404);
    expect(String((await file("generations", { generation: second }).download())[0])).toBe("two");
  });

  test("a read on a condition is refused when it fails, and not repeated when nothing changed", async () => {
    const [{ generation, metageneration }] = await file().getMetadata();
    const read = (condition: object) => refusal(file().getMetadata(condition));
    expect(await read({ ifGenerationMatch: generation })).toBeUndefined();
    expect(await read({ ifGenerationMatch: 1 })).toBe(412);
    expect(await read({ ifMetagenerationMatch: metageneration })).toBeUndefined();
    expect(await read({ ifMetagenerationMatch: 77 })).toBe(412);
    expect(await read({ ifGenerationNotMatch: generation })).toBe(304);
    expect(await read({ ifGenerationNotMatch: 1 })).toBeUndefined();
    expect(await read({ ifMetagenerationNotMatch: metageneration })).toBe(304);
  });

  test("a gzipped object is unzipped by the client, proven by its stored checksum", async () => {
    const text = "line\n".repeat(50_000);
    await file("log.txt").save(text, { gzip: true, resumable: false });
    const [metadata] = await file("log.txt").getMetadata();
    expect(metadata.contentEncoding).toBe("gzip");
    expect(Number(metadata.size)).toBeLessThan(text.length / 10);
    expect(String((await file("log.txt").download())[0])).toBe(text);
    const [raw] = await file("log.txt").download({ decompress: false });
    expect(raw.length).toBe(Number(metadata.size));
  });
});
