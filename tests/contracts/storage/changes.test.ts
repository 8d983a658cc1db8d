import { randomBytes } from "node:crypto";
import { crc32c } from "@node-rs/crc32";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeCrc32c } from "../../../shared/cloud/crc32c.ts";
import { backends, type TestBucket } from "./backends.ts";
import { refusal } from "./refusal.ts";

describe.each(backends)("$name", ({ open }) => {
  let at: TestBucket;
  beforeAll(async () => {
    at = await open();
  });
  afterAll(() => at.close());
  const file = (name: string, options = {}) => at.bucket.file(at.prefix + name, options);
  const put = async (name: string, content: string | Buffer = name) => {
    const target = file(name);
    await target.save(content, { resumable: false });
    return target;
  };
  const read = async (name: string) => String((await file(name).download())[0]);

  describe("metadata", () => {
    test("is merged key by key, null removes, and the bytes keep their generation", async () => {
      const target = await put("merge");
      const [before] = await target.getMetadata();
      await target.setMetadata({ cacheControl: "no-cache", metadata: { keep: "1", drop: "2" } });
      await target.setMetadata({ metadata: { drop: null, add: "3" } });
      const [after] = await file("merge").getMetadata();
      expect(after.metadata).toEqual({ keep: "1", add: "3" });
      expect(after.cacheControl).toBe("no-cache");
      expect(after.metageneration).toBe("3");
      expect(after.generation).toBe(before.generation);
      expect(await read("merge")).toBe("merge");
    });

    test("changes only under the metageneration that was asked for", async () => {
      const target = await put("guarded");
      const change = (ifMetagenerationMatch: number) =>
        refusal(target.setMetadata({ contentLanguage: "de" }, { ifMetagenerationMatch }));
      expect(await change(2)).toBe(412);
      expect(await change(1)).toBeUndefined();
      expect(await change(1)).toBe(412);
      expect((await target.getMetadata())[0].contentLanguage).toBe("de");
    });

    test("of an object that is not there is not found", async () => {
      expect(await refusal(file("none").setMetadata({ contentType: "a/b" }))).toBe(404);
    });
  });

  describe("deleting", () => {
    test("removes an object once", async () => {
      await put("delete-me");
      await file("delete-me").delete();
      expect(await refusal(file("delete-me").delete())).toBe(404);
      expect(await refusal(file("delete-me").delete({ ignoreNotFound: true }))).toBeUndefined();
    });

    test("under another generation changes nothing", async () => {
      const target = await put("delete-guarded");
      expect(await refusal(target.delete({ ifGenerationMatch: 1 }))).toBe(412);
      expect(await refusal(file("delete-guarded", { generation: 1 }).delete())).toBe(404);
      const [{ generation }] = await target.getMetadata();
      expect(await refusal(target.delete({ ifGenerationMatch: Number(generation) }))).toBeUndefined();
    });

    test("by prefix removes what has it", async () => {
      for (const name of ["tmp/1", "tmp/2", "tmp2"]) await put(name);
      await at.bucket.deleteFiles({ prefix: `${at.prefix}tmp/` });
      const [left] = await at.bucket.getFiles({ prefix: `${at.prefix}tmp` });
      expect(left.map(({ name }) => name)).toEqual([`${at.prefix}tmp2`]);
    });
  });

  describe("composing", () => {
    const parts = [100_000, 0, 1, 300_000].map((size) => randomBytes(size));
    const whole = Buffer.concat(parts);

    test("joins objects in order, with a CRC32C and no MD5, and outlives them", async () => {
      const sources = await Promise.all(parts.map((bytes, index) => put(`parts/${index}`, bytes)));
      const [composed] = await at.bucket.combine(sources, file("whole.zip"));
      await Promise.all(sources.map((source) => source.delete()));
      const [metadata] = await composed.getMetadata();
      expect(metadata).toMatchObject({
        size: String(whole.length),
        crc32c: encodeCrc32c(crc32c(whole)),
        componentCount: parts.length,
        contentType: "application/zip",
      });
      expect(metadata.md5Hash).toBeUndefined();
      expect((await composed.download())[0].equals(whole)).toBe(true);
      const [middle] = await composed.download({ start: 99_999, end: 100_002 });
      expect(middle.equals(whole.subarray(99_999, 100_003))).toBe(true);
    });

    test("composites can be composed again, also onto themselves", async () => {
      await put("log", "one ");
      await put("log-2", "two ");
      for (const _ of [1, 2, 3]) await at.bucket.combine([file("log"), file("log-2")], file("log"));
      expect(await read("log")).toBe("one two two two ");
      expect((await file("log").getMetadata())[0].componentCount).toBe(4);
    });

    test("takes 32 objects and no more", async () => {
      await put("one", "1");
      const sources = (count: number) => Array.from({ length: count }, () => file("one"));
      await at.bucket.combine(sources(32), file("many"));
      expect(await read("many")).toBe("1".repeat(32));
      expect(await refusal(at.bucket.combine(sources(33), file("too-many")))).toBe(400);
      expect(await file("too-many").exists()).toEqual([false]);
    });

    test("does not replace what a precondition protects", async () => {
      await put("piece");
      await put("final", "old");
      const compose = (ifGenerationMatch: number) =>
        refusal(at.bucket.combine([file("piece")], file("final"), { ifGenerationMatch }));
      expect(await compose(0)).toBe(412);
      expect(await read("final")).toBe("old");
      const [{ generation }] = await file("final").getMetadata();
      expect(await compose(Number(generation))).toBeUndefined();
      expect(await read("final")).toBe("piece");
    });

    test("of a missing object, or an old generation, is not found", async () => {
      const source = await put("source");
      const [{ generation }] = await source.getMetadata();
      await put("source", "newer");
      const stale = file("source");
      stale.metadata.generation = generation;
      expect(await refusal(at.bucket.combine([stale], file("target")))).toBe(404);
      expect(await refusal(at.bucket.combine([file("nothing")], file("target")))).toBe(404);
    });
  });

  describe("copying", () => {
    test("gives a new object with the same bytes, checksums and metadata", async () => {
      const source = await put("original", randomBytes(70_000));
      await source.setMetadata({ metadata: { a: "1" } });
      const [copy] = await source.copy(file("copy"));
      const [before] = await source.getMetadata();
      const [after] = await copy.getMetadata();
      const { crc32c, md5Hash, size, metadata } = before;
      expect(after).toMatchObject({ crc32c, md5Hash, size, metadata, metageneration: "1" });
      await source.delete();
      expect((await copy.download())[0].length).toBe(70_000);
    });

    test("with metadata replaces the source's", async () => {
      const source = await put("plain");
      await source.copy(file("typed"), { contentType: "text/csv", metadata: { b: "2" } });
      const [after] = await file("typed").getMetadata();
      expect(after).toMatchObject({ contentType: "text/csv", metadata: { b: "2" } });
    });

    test("does not replace what a precondition protects", async () => {
      const source = await put("mine");
      await put("yours");
      const copy = source.copy(file("yours"), { preconditionOpts: { ifGenerationMatch: 0 } });
      expect(await refusal(copy)).toBe(412);
      expect(await read("yours")).toBe("yours");
    });

    test("moving leaves nothing behind", async () => {
      await (await put("from")).move(file("to"));
      expect(await file("from").exists()).toEqual([false]);
      expect(await read("to")).toBe("from");
    });

    test("an atomic move does too", async () => {
      await (await put("from-2")).moveFileAtomic(file("to-2"));
      expect(await file("from-2").exists()).toEqual([false]);
      expect(await read("to-2")).toBe("from-2");
    });
  });
});
