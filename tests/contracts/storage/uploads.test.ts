import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { crc32c } from "@node-rs/crc32";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeCrc32c } from "../../../shared/cloud/crc32c.ts";
import { backends, type TestBucket } from "./backends.ts";
import { refusal } from "./refusal.ts";

const CHUNK = 256 * 1024;

describe.each(backends)("uploads to $name", ({ open }) => {
  let at: TestBucket;
  beforeAll(async () => {
    at = await open();
  });
  afterAll(() => at.close());
  const file = (name: string) => at.bucket.file(at.prefix + name);

  describe.each([
    ["in one multipart request", { resumable: false }],
    ["resumable in one request", { resumable: true }],
    ["resumable in chunks of 256 KiB", { resumable: true, chunkSize: CHUNK }],
    ["resumable in chunks of 512 KiB", { resumable: true, chunkSize: 2 * CHUNK }],
  ] as const)("%s", (how, options) => {
    // In chunks, the SDK announces an empty object as "bytes 0--1/0", which is no Content-Range.
    const sizes = [...("chunkSize" in options ? [] : [0]), 1, CHUNK - 1, CHUNK, CHUNK + 1, 3_000_000];
    test.each(sizes)("%i bytes arrive as they were sent", async (size) => {
      const bytes = randomBytes(size);
      const target = file(`${how}/${size}`);
      await target.save(bytes, { ...options, validation: "md5", contentType: "application/zip" });
      const [metadata] = await target.getMetadata();
      expect(metadata).toMatchObject({
        name: target.name,
        bucket: at.bucket.name,
        size: String(size),
        contentType: "application/zip",
        crc32c: encodeCrc32c(crc32c(bytes)),
        md5Hash: createHash("md5").update(bytes).digest("base64"),
        metageneration: "1",
        storageClass: "STANDARD",
      });
      expect(metadata.generation).toMatch(/^\d+$/);
      const [content] = await target.download();
      expect(content.equals(bytes)).toBe(true);
    });

    test("headers and custom metadata are kept", async () => {
      const target = file(`${how}/metadata`);
      const given = { cacheControl: "no-store", contentDisposition: "attachment", metadata: { färbe: "grün", a: "1" } };
      await target.save("x", { ...options, metadata: given });
      expect((await target.getMetadata())[0]).toMatchObject(given);
    });

    test("a precondition that does not hold changes nothing", async () => {
      const target = file(`${how}/taken`);
      await target.save("first", options);
      const again = target.save("second", { ...options, preconditionOpts: { ifGenerationMatch: 0 } });
      expect(await refusal(again)).toBe(412);
      expect(String((await target.download())[0])).toBe("first");
    });

    test("a precondition on the live generation lets the upload through", async () => {
      const target = file(`${how}/replaced`);
      await target.save("first", options);
      const [{ generation }] = await target.getMetadata();
      await at.bucket
        .file(target.name)
        .save("second", { ...options, preconditionOpts: { ifGenerationMatch: Number(generation) } });
      const [after] = await target.getMetadata();
      expect(Number(after.generation)).toBeGreaterThan(Number(generation));
      expect(String((await target.download())[0])).toBe("second");
    });

    test("bytes that are not what their sender promised are refused", async () => {
      const target = file(`${how}/corrupt`);
      const upload = target.save("x", { ...options, metadata: { crc32c: "AAAAAA==" } });
      expect(await refusal(upload)).toBe(400);
      expect(await target.exists()).toEqual([false]);
    });
  });

  test("a stream of unknown length and uneven pieces arrives whole", async () => {
    const pieces = [1, 70_000, CHUNK, 3, 999_999].map((size) => randomBytes(size));
    const target = file("stream");
    await pipeline(Readable.from(pieces), target.createWriteStream({ resumable: true, chunkSize: CHUNK }));
    expect((await target.download())[0].equals(Buffer.concat(pieces))).toBe(true);
  });

  test("of writers that all require that there is no object yet, one wins", async () => {
    const target = `${at.prefix}contended`;
    const writers = Array.from({ length: 8 }, (_, index) => `writer ${index}`);
    const results = await Promise.allSettled(
      writers.map((text) =>
        at.bucket.file(target).save(text, { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } }),
      ),
    );
    const winners = writers.filter((_, index) => results[index]?.status === "fulfilled");
    expect(winners).toHaveLength(1);
    expect(String((await at.bucket.file(target).download())[0])).toBe(winners[0]);
    for (const result of results) {
      if (result.status === "rejected") expect(await refusal(Promise.reject(result.reason))).toBe(412);
    }
  });

  test.each([
    "deep/er/../../etc/passwd",
    "ümläut 日本語 🐎.csv",
    "100% sure? #1 & more+plus.txt",
    "/leading/slash//double/",
    "..hidden\\back\\slash",
    "quotes\"'`$(ls)",
    "a/./b",
    "tab\there",
  ])("an object may be called %j", async (name) => {
    for (const resumable of [true, false]) {
      const target = file(`names/${resumable}/${name}`);
      await target.save(name, { resumable });
      expect(String((await target.download())[0])).toBe(name);
      expect((await target.getMetadata())[0].name).toBe(target.name);
      const [listed] = await at.bucket.getFiles({ prefix: target.name });
      expect(listed.map((one) => one.name)).toContain(target.name);
      await target.delete();
      expect(await target.exists()).toEqual([false]);
    }
  });

  test("a name may have 1024 bytes and no more", async () => {
    const longest = at.prefix + "n".repeat(1024 - at.prefix.length);
    await at.bucket.file(longest).save("x", { resumable: false });
    expect(String((await at.bucket.file(longest).download())[0])).toBe("x");
    expect(await refusal(at.bucket.file(`${longest}n`).save("x", { resumable: false }))).toBe(400);
  });
});
