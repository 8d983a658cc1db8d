import type { GetFilesOptions } from "@google-cloud/storage";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { backends, type TestBucket } from "./backends.ts";

const NAMES = ["a", "a/1", "a/2", "a/b/3", "a/b/4", "b/5", "c", "d/", "d/6", "é", "ﬀ", "🐎"];
const reply = z.object({ prefixes: z.array(z.string()).optional(), nextPageToken: z.string().optional() });

describe.each(backends)("listing $name", ({ open }) => {
  let at: TestBucket;
  beforeAll(async () => {
    at = await open();
    // In an order that is not the expected one.
    for (const name of NAMES.toReversed()) await at.bucket.file(at.prefix + name).save(name, { resumable: false });
  });
  afterAll(() => at.close());

  const strip = (name: string) => name.slice(at.prefix.length);

  /** One page, its names without the suite's prefix. */
  async function page({ prefix = "", startOffset, endOffset, ...options }: GetFilesOptions) {
    const [files, , response] = await at.bucket.getFiles({
      ...options,
      autoPaginate: false,
      prefix: at.prefix + prefix,
      ...(startOffset === undefined ? {} : { startOffset: at.prefix + startOffset }),
      ...(endOffset === undefined ? {} : { endOffset: at.prefix + endOffset }),
    });
    const { prefixes = [], nextPageToken } = reply.parse(response);
    return { names: files.map(({ name }) => strip(name)), prefixes: prefixes.map(strip), nextPageToken };
  }

  test("names come in the order of their UTF-8 bytes", async () => {
    expect(await page({})).toEqual({ names: NAMES, prefixes: [], nextPageToken: undefined });
  });

  test("a prefix keeps what begins with it", async () => {
    expect((await page({ prefix: "a/" })).names).toEqual(["a/1", "a/2", "a/b/3", "a/b/4"]);
    expect((await page({ prefix: "zz" })).names).toEqual([]);
  });

  test("a delimiter folds what goes deeper into prefixes", async () => {
    expect(await page({ delimiter: "/" })).toMatchObject({
      names: ["a", "c", "é", "ﬀ", "🐎"],
      prefixes: ["a/", "b/", "d/"],
    });
    expect(await page({ delimiter: "/", prefix: "a/" })).toMatchObject({ names: ["a/1", "a/2"], prefixes: ["a/b/"] });
  });

  test("a name that ends in the delimiter is an object too, where asked for", async () => {
    const { names, prefixes } = await page({ delimiter: "/", includeTrailingDelimiter: true });
    expect(names).toEqual(["a", "c", "d/", "é", "ﬀ", "🐎"]);
    expect(prefixes).toEqual(["a/", "b/", "d/"]);
  });

  test("offsets bound the names: the first inclusive, the last exclusive", async () => {
    expect((await page({ startOffset: "a/2", endOffset: "c" })).names).toEqual(["a/2", "a/b/3", "a/b/4", "b/5"]);
  });

  test.each([1, 2, 3, 5, 100])("pages of %i hold each name and prefix once, in order", async (maxResults) => {
    for (const delimiter of [undefined, "/"]) {
      const whole = await page({ ...(delimiter ? { delimiter } : {}) });
      const names: string[] = [];
      const prefixes: string[] = [];
      let pageToken: string | undefined;
      do {
        const one = await page({
          maxResults,
          ...(delimiter ? { delimiter } : {}),
          ...(pageToken ? { pageToken } : {}),
        });
        expect(one.names.length + one.prefixes.length).toBeLessThanOrEqual(maxResults);
        names.push(...one.names);
        prefixes.push(...one.prefixes);
        pageToken = one.nextPageToken;
      } while (pageToken !== undefined);
      expect({ names, prefixes }).toEqual({ names: whole.names, prefixes: whole.prefixes });
    }
  });

  test("the client's own paging finds all", async () => {
    const [files] = await at.bucket.getFiles({ prefix: at.prefix, maxResults: 4, autoPaginate: true });
    expect(files.length).toBeGreaterThanOrEqual(4);
    const streamed: string[] = [];
    for await (const file of at.bucket.getFilesStream({ prefix: at.prefix })) streamed.push(strip(file.name));
    expect(streamed).toEqual(NAMES);
  });

  test("listed objects have their metadata", async () => {
    const [[file]] = await at.bucket.getFiles({ prefix: `${at.prefix}c` });
    expect(file?.metadata).toMatchObject({ size: "1", kind: "storage#object", crc32c: expect.any(String) });
  });

  test("a deleted object is not listed", async () => {
    const file = at.bucket.file(`${at.prefix}a/gone`);
    await file.save("x", { resumable: false });
    expect((await page({ prefix: "a/g" })).names).toEqual(["a/gone"]);
    await file.delete();
    expect((await page({ prefix: "a/g" })).names).toEqual([]);
  });
});
