import { readFileSync } from "node:fs";
import { crc32 } from "@node-rs/crc32";
import { unzipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fromBufferPromise } from "yauzl";
import { type Results, serveResults } from "./serve-results.ts";
import * as torch from "./write-torch.ts";

let results: Results;
beforeAll(async () => {
  results = await serveResults();
});
afterAll(() => results.close());

const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}.pth`, import.meta.url));
const [first, second] = [fixture("checkpoint-1"), fixture("checkpoint-2")];

const average = (files: Uint8Array[], rows: (number | null)[] = []) =>
  results.aggregate(
    "fedavg",
    files.map((content, index) => ({ name: "model.pth", content, rows: rows[index] ?? 1 })),
  );

/** The records of an archive by their names below its folder. */
function unzip(archive: Uint8Array): Map<string, Buffer> {
  return new Map(
    Object.entries(unzipSync(archive)).map(([name, bytes]) => [name.replace(/^[^/]+\//, ""), Buffer.from(bytes)]),
  );
}

/** The numbers of a storage, read with a typed array's constructor. */
function numbers<T extends ArrayLike<number | bigint>>(
  archive: Map<string, Buffer>,
  key: number,
  Type: new (buffer: ArrayBuffer) => T,
): (number | bigint)[] {
  const bytes = archive.get(`data/${key}`) ?? Buffer.alloc(0);
  return Array.from(new Type(new Uint8Array(bytes).buffer));
}

describe("the mean of checkpoints that torch.save wrote", () => {
  it("weighs every tensor by rows, nested ones too, and keeps its type", async () => {
    const { content, url } = await average([first, second], [1, 3]);
    expect(url).toMatch(/\/result\.pth$/);
    const mean = unzip(content);
    expect(numbers(mean, 0, Float32Array)).toEqual([3.25, 6.5]);
    expect(numbers(mean, 1, Float32Array)).toEqual([-3.25]);
    expect(numbers(mean, 6, BigInt64Array)).toEqual([10n]);
    expect(numbers(mean, 8, Float32Array)).toEqual([3.25]);
    expect(numbers(mean, 9, Float64Array)).toEqual([(0.1 + 3 * 0.4) / 4, (1e300 + 3 * 4e300) / 4]);
    expect(numbers(mean, 12, Int32Array)).toEqual([3, -3]);
    expect(numbers(mean, 13, Int16Array)).toEqual([23]);
    expect(numbers(mean, 14, Int8Array)).toEqual([-26]);
    // 162.5, of two the even one.
    expect(numbers(mean, 15, Uint8Array)).toEqual([162]);
    expect(numbers(mean, 16, Uint8Array)).toEqual([1, 0]);
    expect(numbers(mean, 17, Uint8Array)).toEqual([]);
  });

  it("rounds half and brain floats once, and does not overflow on the way", async () => {
    const mean = unzip((await average([first, second], [1, 3])).content);
    // 1 and 65504, the largest number there is.
    expect(numbers(mean, 10, Uint16Array)).toEqual([0x3c00, 0x7bff]);
    // 3.25 and -9.75.
    expect(numbers(mean, 11, Uint16Array)).toEqual([0x4050, 0xc11c]);
  });

  it("averages a storage that several tensors share once, whatever their strides", async () => {
    const mean = unzip((await average([first, second], [1, 3])).content);
    expect(numbers(mean, 7, Float32Array)).toEqual(Array.from({ length: 12 }, (_, index) => index * 3.25));
  });

  it("keeps the first result's pickle to the byte, and names the numbers that are the first's", async () => {
    const { content, details } = await average([first, second]);
    expect(unzip(content).get("data.pkl")).toEqual(unzip(first).get("data.pkl"));
    expect(details).toMatchObject({
      mode: "fedavg",
      format: "pytorch",
      results: 2,
      tensors: 19,
      weighted_by: "rows",
      taken_from_first: ["epoch", "loss", "history > 1 > 0"],
    });
  });

  it("lays the archive out as torch does: stored, aligned, with right checksums", async () => {
    const { content } = await average([first, second]);
    const archive = await fromBufferPromise(content);
    const entries = [];
    for await (const entry of archive.eachEntry()) {
      const { fileDataStart } = await archive.readLocalFileHeaderPromise(entry, { minimal: true });
      const bytes = content.subarray(fileDataStart, fileDataStart + entry.uncompressedSize);
      expect(entry.crc32).toBe(crc32(bytes));
      entries.push([entry.fileName, entry.compressionMethod, fileDataStart % 64]);
    }
    const storages = Array.from({ length: 18 }, (_, key) => `data/${key}`);
    const names = ["data.pkl", ".format_version", ".storage_alignment", "byteorder", ...storages, "version"];
    expect(entries).toEqual(names.map((name) => [`checkpoint-1/${name}`, 0, 0]));
  });

  it("gives the same bytes when it is done again", async () => {
    const [once, again] = [await average([first, second, first]), await average([first, second, first])];
    expect(again.content.equals(once.content)).toBe(true);
  });

  it("gives a single result back with its own numbers", async () => {
    const [mean, original] = [unzip((await average([second])).content), unzip(second)];
    for (let key = 0; key < 18; key++) expect(mean.get(`data/${key}`)).toEqual(original.get(`data/${key}`));
  });

  it("averages equally, and says so, when the rows of one are not known", async () => {
    const { content, details } = await results.aggregate("fedavg", [
      { content: first, rows: 1 },
      { content: second, rows: null },
    ]);
    expect(numbers(unzip(content), 0, Float32Array)).toEqual([2.5, 5]);
    expect(details).toMatchObject({ weighted_by: "equal", reason: "the rows of 1 of 2 results are not known" });
  });

  it("leaves out a result that was made from no rows, even one of NaN", async () => {
    const { content } = await average([await torch.weights(1, 2), await torch.weights(Number.NaN, 3)], [5, 0]);
    expect(numbers(unzip(content), 0, Float32Array)).toEqual([1, 2]);
  });
});

describe("views of storages", () => {
  const view = (elements: number, offset: number, shape: number[], strides?: number[]) =>
    torch.pickle(torch.dict(torch.text("w"), torch.tensor({ elements, offset, shape, ...(strides && { strides }) })));

  it("finds the tensor wherever it lies, and writes zeros where no tensor reaches", async () => {
    const files = await Promise.all([
      torch.torchFile(view(5, 1, [2]), { "0": torch.floats(9, 1, 2, 9, 9) }),
      torch.torchFile(view(3, 0, [2]), { "0": torch.floats(3, 6, 9) }),
    ]);
    const { content } = await average(files);
    expect(numbers(unzip(content), 0, Float32Array)).toEqual([0, 2, 4, 0, 0]);
  });

  it("refuses another order of elements", async () => {
    const matrix = torch.floats(1, 2, 3, 4);
    const files = await Promise.all([
      torch.torchFile(view(4, 0, [2, 2], [2, 1]), { "0": matrix }),
      torch.torchFile(view(4, 0, [2, 2], [1, 2]), { "0": matrix }),
    ]);
    await expect(average(files)).rejects.toMatchObject({
      code: "results_differ",
      message: expect.stringMatching(
        /^Cannot average "w": its elements are in another order in task 1 .* than in task 2/,
      ),
    });
  });

  it("refuses tensors that share their memory in one result only", async () => {
    const two = (storage: string) =>
      torch.pickle(
        torch.dict(
          torch.text("a"),
          torch.tensor({ elements: 2, shape: [2] }),
          torch.text("b"),
          torch.tensor({ storage, elements: 2, shape: [2] }),
        ),
      );
    const pair = torch.floats(1, 2);
    const tied = await torch.torchFile(two("0"), { "0": pair });
    const apart = await torch.torchFile(two("1"), { "0": pair, "1": pair });
    await expect(average([tied, apart])).rejects.toMatchObject({
      code: "results_differ",
      message: 'Cannot average "a": it shares its memory with other tensors in task 1, and not so in task 2.',
    });
    // The other way round the first one's structure holds both.
    expect(numbers(unzip((await average([apart, tied])).content), 1, Float32Array)).toEqual([1, 2]);
  });
});

describe("results that were not saved alike", () => {
  const save = (...items: Uint8Array[]) =>
    torch.torchFile(torch.pickle(torch.dict(...items)), { "0": torch.floats(1, 2, 3, 4) });
  const tensor = (facts: Partial<torch.TensorFacts> = {}) => torch.tensor({ shape: [4], ...facts });
  const [w, v] = [torch.text("w"), torch.text("v")];

  it.each([
    [
      "a tensor is missing",
      [w, tensor(), v, tensor()],
      [w, tensor(), torch.text("u"), tensor()],
      '"v": task 1 has it and task 2 does not',
    ],
    [
      "a key is a number in one",
      [w, tensor(), torch.int(1), tensor()],
      [w, tensor(), torch.text("1"), tensor()],
      '"1": task 1 has it and task 2 does not',
    ],
    [
      "there is more in one",
      [w, tensor()],
      [w, tensor(), v, tensor()],
      '"": it is "a dict of 1 entries" in task 1 and "a dict of 2 entries" in task 2',
    ],
    [
      "shapes differ",
      [w, tensor()],
      [w, tensor({ shape: [2, 2], strides: [2, 1] })],
      '"w": its shape is [4] in task 1 and [2,2] in task 2',
    ],
    [
      "types differ",
      [w, tensor()],
      [w, tensor({ type: "IntStorage" })],
      '"w": it is of type F32 in task 1 and of type I32 in task 2',
    ],
    ["texts differ", [w, torch.text("a")], [w, torch.text("b")], '"w": it is "a" in task 1 and "b" in task 2'],
    ["one is no tensor", [w, tensor()], [w, torch.int(1)], '"w": it is a tensor in task 1 and no tensor in task 2'],
  ])("are refused with the name and the task: %s", async (_, one, other, message) => {
    const files = await Promise.all([save(...one), save(...other)]);
    await expect(average(files)).rejects.toMatchObject({
      code: "results_differ",
      message: `Cannot average ${message}.`,
      retryable: false,
    });
  });

  it("are refused when truth values differ", async () => {
    const save = (bits: number[]) =>
      torch.torchFile(torch.pickle(torch.dict(w, torch.tensor({ type: "BoolStorage", shape: [2], elements: 2 }))), {
        "0": Buffer.from(bits),
      });
    const files = await Promise.all([save([0, 1]), save([0, 1]), save([1, 1])]);
    await expect(average(files)).rejects.toMatchObject({
      code: "results_differ",
      message: expect.stringMatching(/^Cannot average "w": truth values have no mean, and those of task 3 differ/),
    });
  });
});
