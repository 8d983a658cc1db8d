import { parquetMetadata, parquetReadObjects } from "hyparquet";
import { type ColumnSource, parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Results, serveResults } from "./serve-results.ts";

let results: Results;
beforeAll(async () => {
  results = await serveResults();
});
afterAll(() => results.close());

const join = (...contents: Uint8Array[]) =>
  results.aggregate(
    "concat",
    contents.map((content) => ({ name: "out.parquet", content })),
  );
const write = (columnData: ColumnSource[], rowGroupSize = 2) =>
  Buffer.from(
    parquetWriteBuffer({ columnData, rowGroupSize, pageSize: 4, kvMetadata: [{ key: "origin", value: "test" }] }),
  );
const toArrayBuffer = (content: Buffer) => new Uint8Array(content).buffer;
const read = (content: Buffer) => parquetReadObjects({ file: toArrayBuffer(content) });

const table = (ids: number[], names: (string | null)[]) =>
  write([
    { name: "id", data: ids, type: "INT32", columnIndex: true, bloomFilter: true },
    { name: "name", data: names, type: "STRING" },
  ]);
const first = table([1, 2, 3], ["a", null, "c"]);

describe("Parquet results", () => {
  it("become one with all rows, in the order of the tasks", async () => {
    const { url, content, details } = await join(
      first,
      table([4], ["d"]),
      table([5, 6, 7, 8, 9], ["e", "f", "g", null, "i"]),
    );
    expect(url).toMatch(/\/result\.parquet$/);
    expect(await read(content)).toEqual(
      ["a", null, "c", "d", "e", "f", "g", null, "i"].map((name, index) => ({ id: index + 1, name })),
    );
    expect(details).toEqual({ mode: "concat", tasks: 3, results: 3, format: "parquet", rows: 9, row_groups: 6 });
  });

  it("keep every row group as it was, its statistics and filters too", async () => {
    const { content } = await join(first, table([4, 5], ["d", "e"]));
    const [joined, original] = [parquetMetadata(toArrayBuffer(content)), parquetMetadata(toArrayBuffer(first))];
    expect(joined.schema).toEqual(original.schema);
    expect(joined.key_value_metadata).toEqual(original.key_value_metadata);
    expect(joined.num_rows).toBe(5n);
    const [group] = joined.row_groups;
    expect(group?.columns[0]?.meta_data).toEqual(original.row_groups[0]?.columns[0]?.meta_data);
    // Of the last one, everything has moved by the same distance; the index of pages would point elsewhere.
    const last = joined.row_groups.at(-1)?.columns[0];
    const before = parquetMetadata(toArrayBuffer(table([4, 5], ["d", "e"]))).row_groups[0]?.columns[0];
    const moved = (last?.meta_data?.data_page_offset ?? 0n) - (before?.meta_data?.data_page_offset ?? 0n);
    expect(moved).toBeGreaterThan(0n);
    expect((last?.meta_data?.bloom_filter_offset ?? 0n) - (before?.meta_data?.bloom_filter_offset ?? 0n)).toBe(moved);
    expect(before?.offset_index_offset).toBeDefined();
    expect(last?.offset_index_offset).toBeUndefined();
  });

  it("may have no rows", async () => {
    const { content } = await join(table([], []), first);
    expect(await read(content)).toHaveLength(3);
  });

  it("can be joined again", async () => {
    const { content } = await join(first, first);
    expect(await read((await join(content, first)).content)).toHaveLength(9);
  });

  it.each([
    [
      "a column has another name",
      [
        { name: "key", data: [1], type: "INT32" },
        { name: "name", data: ["a"], type: "STRING" },
      ],
      'its column 1 is "key", and that of task 1 is "id"',
    ],
    [
      "a column has another type",
      [
        { name: "id", data: [1n], type: "INT64" },
        { name: "name", data: ["a"], type: "STRING" },
      ],
      'its column "id" is of another type than in task 1',
    ],
    [
      "a column is missing",
      [{ name: "id", data: [1], type: "INT32" }],
      'its column 2 is nothing, and that of task 1 is "name"',
    ],
  ] satisfies [string, ColumnSource[], string][])(
    "are refused with the task's name when %s",
    async (_, columns, why) => {
      await expect(join(first, write(columns))).rejects.toMatchObject({
        code: "results_differ",
        message: `Cannot join task 2: ${why}.`,
      });
    },
  );

  const fillFooter = (byte: number) =>
    damage((file) => file.fill(byte, file.length - 8 - file.readUInt32LE(file.length - 8), file.length - 8));
  const damage = (change: (file: Buffer) => void) => {
    const file = Buffer.from(first);
    change(file);
    return file;
  };

  it.each([
    ["cut off", first.subarray(0, -1), "does not end like one"],
    ["too short", first.subarray(0, 8), "too short"],
    [
      "said to have a long footer",
      damage((file) => file.writeUInt32LE(0x7fffffff, file.length - 8)),
      "its footer is said to have",
    ],
    ["of a footer of zeros", fillFooter(0), "how many rows"],
    ["of a footer of noise", fillFooter(0xff), "no sound Parquet file"],
  ])("are refused with the task's name when one is %s", async (_, file, why) => {
    await expect(join(first, file)).rejects.toMatchObject({
      code: "result_unreadable",
      message: expect.stringMatching(new RegExp(`^Cannot join task 2: it is no sound Parquet file: .*${why}|${why}`)),
    });
  });

  it("are refused when they are encrypted", async () => {
    const file = damage((bytes) => bytes.write("PARE", bytes.length - 4));
    await expect(join(first, file)).rejects.toMatchObject({ code: "results_not_tabular" });
  });
});
