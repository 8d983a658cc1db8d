import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSafetensors, safetensorsFile } from "./safetensors-file.ts";
import { type Results, serveResults } from "./serve-results.ts";

let results: Results;
beforeAll(async () => {
  results = await serveResults();
});
afterAll(() => results.close());

const average = (files: Uint8Array[], rows: number[] = []) =>
  results.aggregate(
    "fedavg",
    files.map((content, index) => ({ name: "model.safetensors", content, rows: rows[index] ?? 1 })),
  );
const floats = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer);
const f32 = (shape: number[], data_offsets: [number, number]) => ({ dtype: "F32", shape, data_offsets });
const multiples = (length: number, of: number) =>
  Buffer.from(Float32Array.from({ length }, (_, index) => index * of).buffer);
const two = (...values: [number, number]) => safetensorsFile({ w: f32([2], [0, 8]) }, floats(...values));

describe("the mean of safetensors files", () => {
  it("weighs every tensor by rows and keeps names, shapes and types", async () => {
    const file = (scale: number) =>
      safetensorsFile(
        {
          weight: f32([2, 2], [0, 16]),
          steps: { dtype: "I64", shape: [], data_offsets: [16, 24] },
          half: { dtype: "F16", shape: [1], data_offsets: [24, 26] },
          mask: { dtype: "BOOL", shape: [2], data_offsets: [26, 28] },
          none: { dtype: "F64", shape: [0, 3], data_offsets: [28, 28] },
        },
        Buffer.concat([
          floats(scale, -scale, 0, 8 * scale),
          Buffer.from(BigInt64Array.of(BigInt(scale)).buffer),
          Buffer.from(Uint16Array.of(scale === 1 ? 0x3c00 : 0x4500).buffer),
          Buffer.of(1, 0),
        ]),
      );
    const { url, content, details } = await average([file(1), file(5)], [3, 1]);
    expect(url).toMatch(/\/result\.safetensors$/);
    expect(readSafetensors(content).tensors).toEqual({
      weight: ["F32", [2, 2], floats(2, -2, 0, 16)],
      steps: ["I64", [], Buffer.from(BigInt64Array.of(2n).buffer)],
      half: ["F16", [1], Buffer.from(Uint16Array.of(0x4000).buffer)],
      mask: ["BOOL", [2], Buffer.of(1, 0)],
      none: ["F64", [0, 3], Buffer.alloc(0)],
    });
    expect(details).toEqual({
      mode: "fedavg",
      tasks: 2,
      results: 2,
      format: "safetensors",
      tensors: 5,
      parameters: 8,
      weighted_by: "rows",
    });
  });

  it("finds tensors by name, in whatever order each file has them", async () => {
    const [a, b] = [floats(1, 2), floats(10)];
    const one = safetensorsFile({ a: f32([2], [0, 8]), b: f32([1], [8, 12]) }, Buffer.concat([a, b]));
    const other = safetensorsFile(
      { b: f32([1], [0, 4]), a: f32([2], [4, 12]) },
      Buffer.concat([floats(20), floats(3, 4)]),
    );
    expect(readSafetensors((await average([one, other])).content).tensors).toEqual({
      a: ["F32", [2], floats(2, 3)],
      b: ["F32", [1], floats(15)],
    });
  });

  it("keeps of the metadata what all have in common", async () => {
    const file = (seed: string) =>
      safetensorsFile({ __metadata__: { format: "pt", seed }, w: f32([1], [0, 4]) }, floats(1));
    expect(readSafetensors((await average([file("1"), file("2")])).content).metadata).toEqual({ format: "pt" });
    const without = safetensorsFile({ w: f32([1], [0, 4]) }, floats(1));
    expect(readSafetensors((await average([file("1"), without])).content).metadata).toBeUndefined();
  });

  it("begins its data at a multiple of eight bytes", async () => {
    const { content } = await average([two(1, 2)]);
    expect(Number(content.readBigUInt64LE()) % 8).toBe(0);
  });

  it("reads numbers that are not aligned in their file", async () => {
    const file = (first: number, ...values: number[]) =>
      safetensorsFile(
        { a: { dtype: "U8", shape: [1], data_offsets: [0, 1] }, b: f32([2], [1, 9]) },
        Buffer.concat([Buffer.of(first), floats(...values)]),
      );
    expect(readSafetensors((await average([file(1, 2, 4), file(3, 4, 8)])).content).tensors).toEqual({
      a: ["U8", [1], Buffer.of(2)],
      b: ["F32", [2], floats(3, 6)],
    });
  });

  it("averages tensors that are larger than what is read at once, and many small ones", async () => {
    const length = 700_001;
    const names = Array.from({ length: 500 }, (_, index) => `small.${index}`);
    const header = Object.fromEntries([
      ["large", f32([length], [0, 4 * length])],
      ...names.map((name, index) => [name, f32([1], [4 * (length + index), 4 * (length + index + 1)])]),
    ]);
    const file = (scale: number) => safetensorsFile(header, multiples(length + names.length, scale));
    const { tensors } = readSafetensors((await average([file(1), file(2), file(6)])).content);
    expect(tensors.large?.[2].equals(multiples(length, 3))).toBe(true);
    expect(names.map((name) => tensors[name]?.[2].readFloatLE())).toEqual(
      names.map((_, index) => (length + index) * 3),
    );
  });

  it.each([
    ["a name", { v: f32([2], [0, 8]) }, '"w": task 1 has it and task 2 does not'],
    ["a shape", { w: f32([1, 2], [0, 8]) }, '"w": its shape is [2] in task 1 and [1,2] in task 2'],
    [
      "a type",
      { w: { dtype: "I32", shape: [2], data_offsets: [0, 8] } },
      '"w": it is of type F32 in task 1 and of type I32 in task 2',
    ],
    ["one more tensor", { w: f32([2], [0, 8]), v: f32([0], [8, 8]) }, '"v": task 2 has it and task 1 does not'],
  ])("is refused with tensor and task when another has %s", async (_, header, message) => {
    await expect(average([two(1, 2), safetensorsFile(header, floats(1, 2))])).rejects.toMatchObject({
      code: "results_differ",
      message: `Cannot average ${message}.`,
    });
  });
});

describe("a safetensors file that is not sound", () => {
  const lie = (length: bigint) => {
    const file = two(1, 2);
    file.writeBigUInt64LE(length);
    return file;
  };

  it.each([
    ["its header is longer than the file", lie(1000n), "is said to have 1000 bytes"],
    ["its header is absurdly long", lie(2n ** 63n), "is said to have"],
    ["its header is cut off", lie(10n), "no JSON object"],
    ["its header is a list", safetensorsFile("[]      "), "no JSON object"],
    ["it is four bytes long", Buffer.alloc(4, 1), "shorter than"],
    ["its header is not UTF-8", safetensorsFile('{"w": 1}').fill(0xff, 10, 11), "no JSON object"],
    ["an entry is none", safetensorsFile({ w: 1 }), 'entry of "w"'],
    ["a shape is negative", safetensorsFile({ w: f32([-2], [0, 8]) }, floats(1, 2)), 'entry of "w"'],
    [
      "a shape overflows",
      safetensorsFile({ w: f32([2 ** 40, 2 ** 40], [0, 8]) }, floats(1, 2)),
      "does not have the 8 bytes",
    ],
    [
      "a shape is larger than its data",
      safetensorsFile({ w: f32([3], [0, 8]) }, floats(1, 2)),
      "does not have the 8 bytes",
    ],
    ["offsets run backwards", safetensorsFile({ w: f32([2], [8, 0]) }, floats(1, 2)), "does not have the -8 bytes"],
    [
      "tensors overlap",
      safetensorsFile({ w: f32([2], [0, 8]), v: f32([1], [4, 8]) }, floats(1, 2)),
      "does not begin where",
    ],
    [
      "there is a gap",
      safetensorsFile({ w: f32([1], [0, 4]), v: f32([1], [8, 12]) }, floats(1, 2, 3)),
      "does not begin where",
    ],
    ["there is more behind", safetensorsFile({ w: f32([1], [0, 4]) }, floats(1, 2)), "its tensors end at"],
    ["its data is cut off", two(1, 2).subarray(0, -1), "its tensors end at"],
    ["its metadata is nested", safetensorsFile({ __metadata__: { a: {} } }), "metadata"],
  ])("is refused: %s", async (_, content, why) => {
    const failure = {
      code: expect.stringMatching(/^result(_unreadable|s_not_averageable)$/),
      message: expect.stringMatching(/task 2/),
    };
    await expect(average([two(1, 2), content])).rejects.toMatchObject(failure);
    await expect(average([two(1, 2), content])).rejects.toThrow(why);
  });

  it("is refused when its numbers are of a type without a mean", async () => {
    const file = safetensorsFile({ w: { dtype: "F8_E4M3", shape: [4], data_offsets: [0, 4] } }, Buffer.alloc(4));
    await expect(average([file])).rejects.toMatchObject({
      code: "results_not_averageable",
      message: expect.stringMatching(/^Cannot average "w" of task 1: numbers of type F8_E4M3 are not supported/),
    });
  });
});
