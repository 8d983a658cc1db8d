import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import { parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ZipFile } from "yazl";
import { decompressors } from "../../../jobs/split/parquet-decompressors.ts";
import { type SplitScene, type SplitWishes, startSplitScene } from "./start-split-scene.ts";

let scene: SplitScene;
beforeAll(async () => {
  scene = await startSplitScene();
});
afterAll(() => scene.close());

/** What Arrow 26 wrote: a column of every type, nested ones too, three row groups, pages of a few rows. */
const readFixture = (name: string) => readFile(new URL(`fixtures/${name}.parquet`, import.meta.url));

function readRows(file: Uint8Array): Promise<Record<string, unknown>[]> {
  const copy = new Uint8Array(file).buffer;
  const parsers = { timestampFromNanoseconds: String, timestampFromMicroseconds: String };
  return parquetReadObjects({ file: copy, compressors: decompressors, utf8: false, parsers });
}

async function split(name: string, content: Uint8Array, wishes: SplitWishes = {}) {
  const made = await scene.split(await scene.store(name, content), wishes);
  const contents = await scene.readChunks(made.jobId);
  return { ...made, names: [...contents.keys()], files: [...contents.values()] };
}

async function refuse(content: Uint8Array) {
  const error: unknown = await split("data.parquet", content).catch((thrown: unknown) => thrown);
  const { code, message, retryable } = Object(error);
  return { code, message, retryable };
}

/** A plain file of so many numbered rows, in row groups of ten. */
function numbered(rows: number): Buffer {
  const data = Array.from({ length: rows }, (_, index) => index);
  return Buffer.from(parquetWriteBuffer({ columnData: [{ name: "n", data, type: "INT32" }], rowGroupSize: 10 }));
}

describe("a Parquet file", () => {
  it.each(["types", "old"])("keeps every value of every type: %s", async (fixture) => {
    const original = await readFixture(fixture);
    const { files, names, tasks } = await split("data.parquet", original, { chunks: 7 });
    expect(names).toEqual([1, 2, 3, 4, 5, 6, 7].map((number) => `0000${number}.parquet`));
    expect(tasks.map(({ rows }) => rows)).toEqual([43, 43, 43, 43, 43, 43, 42]);
    const rows = await Promise.all(files.map(readRows));
    expect(rows.map((chunk) => chunk.length)).toEqual(tasks.map((task) => task.rows));
    expect(rows.flat()).toEqual(await readRows(original));
  });

  it("keeps its schema and what its writer noted in it", async () => {
    const original = await readFixture("types");
    const { files } = await split("data.parquet", original, { chunks: 2 });
    const before = parquetMetadata(original);
    for (const file of files) {
      const after = parquetMetadata(file);
      expect(after.key_value_metadata).toEqual(before.key_value_metadata);
      // What an integer's width is, Arrow wrote in both ways that there are; the older one is kept.
      const known = before.schema.map(({ logical_type, ...element }) =>
        logical_type?.type === "INTEGER" ? element : { ...element, logical_type },
      );
      expect(after.schema).toEqual(known.map((element) => expect.objectContaining(element)));
    }
  });

  it("is divided across its row groups", async () => {
    const { files } = await split("data.parquet", numbered(35), { chunks: 3 });
    const rows = await Promise.all(files.map(readRows));
    expect(rows.map((chunk) => chunk.map(({ n }) => n))).toEqual([
      Array.from({ length: 12 }, (_, index) => index),
      Array.from({ length: 12 }, (_, index) => index + 12),
      Array.from({ length: 11 }, (_, index) => index + 24),
    ]);
  });

  it("is known by its content", async () => {
    expect((await split("data", numbered(3), { chunks: 1 })).names).toEqual(["00001.parquet"]);
  });

  it.each([true, false])("is read out of an archive, compressed there: %s", async (compress) => {
    const zip = new ZipFile();
    zip.addBuffer(numbered(30), "data.parquet", { mtime: new Date(0), mode: 0o100644, compress });
    zip.end();
    const { files, jobId } = await split("archive.zip", await buffer(zip.outputStream), { chunks: 2 });
    expect((await Promise.all(files.map(readRows))).flat()).toHaveLength(30);
    const [objects] = await scene.bucket.getFiles({ prefix: `jobs/${jobId}/data/member` });
    expect(objects).toHaveLength(compress ? 1 : 0);
  });

  it("is refused without rows", async () => {
    expect(await refuse(numbered(0))).toMatchObject({ code: "data_empty" });
  });

  it.each([
    ["cut off", numbered(30).subarray(0, -10), "its end is missing"],
    ["no Parquet at all", Buffer.from("a,b\n1,2\n"), "its end is missing"],
    ["too short", Buffer.from("PAR1"), "its end is missing"],
    [
      "with an absurd footer",
      Buffer.concat([numbered(3).subarray(0, -8), Buffer.from("ffffff7f50415231", "hex")]),
      "its footer is larger than 16 MiB",
    ],
  ])("is refused %s", async (_, content, why) => {
    expect(await refuse(content)).toEqual({
      code: "data_malformed",
      message: `Cannot read data.parquet as Parquet: ${why}.`,
      retryable: false,
    });
  });

  it("is refused where its pages are broken", async () => {
    const broken = numbered(30).fill(0xff, 4, 100);
    expect(await refuse(broken)).toMatchObject({ code: "data_malformed", retryable: false });
  });
});
