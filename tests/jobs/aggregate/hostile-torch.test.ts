import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Results, serveResults } from "./serve-results.ts";
import * as torch from "./write-torch.ts";

let results: Results;
beforeAll(async () => {
  results = await serveResults();
});
afterAll(() => results.close());

const average = (content: Uint8Array) => results.aggregate("fedavg", [{ name: "model.pth", content }]);
const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}.pth`, import.meta.url));
const four = { "0": torch.floats(1, 2, 3, 4) };
const whole = torch.tensor({ shape: [4] });
const entry = (...value: Uint8Array[]) => torch.pickle(torch.dict(torch.text("w"), ...value));

describe("pickles that are more than weights", () => {
  it.each([
    ["os.system", torch.call(torch.global("os", "system"), torch.text("touch /tmp/pwned"))],
    ["builtins.eval", torch.call(torch.global("builtins", "eval"), torch.text("1"))],
    ["__main__.Net", torch.global("__main__", "Net")],
    ["numpy.core.multiarray.scalar", torch.global("numpy.core.multiarray", "scalar")],
    ["torch.hub.load", torch.global("torch.hub", "load")],
    ["torch._utils._rebuild_tensor_v2.__globals__", torch.global("torch._utils", "_rebuild_tensor_v2.__globals__")],
  ])("are refused by the name of what they ask for: %s", async (name, steps) => {
    await expect(average(await torch.torchFile(entry(steps), four))).rejects.toMatchObject({
      code: "unsafe_pickle",
      message: expect.stringContaining(`its pickle names ${name}, which is not needed for weights and is not executed`),
      retryable: false,
    });
  });

  it("are refused when they hold a whole module", async () => {
    await expect(average(fixture("module"))).rejects.toMatchObject({
      code: "unsafe_pickle",
      message: expect.stringContaining("torch.nn.modules.linear.Linear"),
    });
  });

  it.each([
    ["torch.ComplexFloatStorage", torch.storage({ type: "ComplexFloatStorage" })],
    ["torch._utils._rebuild_sparse_tensor", torch.global("torch._utils", "_rebuild_sparse_tensor")],
    ["torch.storage.UntypedStorage", torch.global("torch.storage", "UntypedStorage")],
  ])("are refused as not supported where they are harmless: %s", async (name, steps) => {
    await expect(average(await torch.torchFile(entry(steps), four))).rejects.toMatchObject({
      code: "results_not_averageable",
      message: expect.stringContaining(name),
    });
  });

  it("are refused in the format of before version 1.6, with the remedy", async () => {
    await expect(average(fixture("legacy"))).rejects.toMatchObject({
      code: "results_not_averageable",
      message: expect.stringContaining("_use_new_zipfile_serialization"),
    });
  });
});

describe("a pickle that is broken, or made to hurt", () => {
  const self = Buffer.concat([Buffer.from("]q\x00h\x00a")]);
  const nested = Buffer.concat([Buffer.from("]".repeat(150)), Buffer.from("a".repeat(149))]);
  /** Lists of ten times the list before, nine deep: a billion places. */
  const bomb = Buffer.concat([
    Buffer.from("]q\x00"),
    ...Array.from({ length: 9 }, (_, level) =>
      Buffer.concat([
        Buffer.from("]("),
        Buffer.concat(Array(10).fill(Buffer.of(0x68, level))),
        Buffer.of(0x65, 0x71, level + 1),
      ]),
    ),
  ]);

  it.each([
    ["takes from an empty stack", torch.pickle(Buffer.from("R")), "takes from an empty stack"],
    ["has no root", torch.pickle(), "takes from an empty stack"],
    ["goes back to a mark that is not there", torch.pickle(Buffer.from("t")), "mark that was never set"],
    ["recalls what was never kept", torch.pickle(Buffer.of(0x68, 7)), "recalls slot 7"],
    ["is of a later protocol", Buffer.from("80047d2e", "hex"), "protocol 4"],
    ["ends in the middle", entry(whole).subarray(0, -40), "ends too early"],
    ["has no end", torch.PROTO, "ends too early"],
    ["promises a text of 4 GiB", torch.pickle(Buffer.from("58ffffffff", "hex")), "ends too early"],
    [
      "has an integer of 255 bytes",
      torch.pickle(Buffer.concat([Buffer.of(0x8a, 255), Buffer.alloc(255, 1)])),
      "integer of 255 bytes",
    ],
    ["runs on and on", torch.pickle(Buffer.alloc(5_000_000, ")")), "more than 4000000 steps"],
    ["uses steps of its own", torch.pickle(Buffer.from("i")), "step 0x69"],
    ["gives attributes to a list", torch.pickle(Buffer.from("]}b")), "OrderedDict"],
    ["has a list as a key", torch.pickle(torch.dict(Buffer.from("]"), torch.int(1))), "neither a text nor a number"],
    [
      "calls a storage class",
      torch.pickle(torch.call(torch.global("torch", "FloatStorage"))),
      "calls torch.FloatStorage",
    ],
    ["has a name for a value", entry(torch.global("collections", "OrderedDict")), "bare global"],
    ["has a storage for a value", entry(torch.storage({})), "bare storage"],
    ["refers to a module", torch.pickle(torch.tuple(torch.text("module")), Buffer.from("Q")), "else than a storage"],
    [
      "describes a storage in two ways",
      entry(torch.tuple(whole, torch.tensor({ shape: [2], elements: 2 }))),
      "in two ways",
    ],
    ["contains itself", torch.pickle(self), "nested more than 100 deep"],
    ["is nested without end", torch.pickle(nested), "nested more than 100 deep"],
    ["is a billion lists in a hundred bytes", torch.pickle(bomb), "more than 300000 parts"],
  ])("is refused: it %s", async (_, data, why) => {
    await expect(average(await torch.torchFile(data, four))).rejects.toMatchObject({
      code: "result_unreadable",
      message: expect.stringMatching(new RegExp(`^Cannot average task 1: .*${why}`)),
    });
  });
});

describe("a tensor that is not where it says", () => {
  it.each([
    ["reaches out of its storage", { shape: [5] }, "reaches out of its 4 numbers"],
    ["reaches out by its offset", { shape: [2], offset: 3 }, "reaches out of its 4 numbers"],
    ["reaches out by its strides", { shape: [2, 2], strides: [4, 1] }, "reaches out of its 4 numbers"],
    ["has an absurd shape", { shape: [2 ** 40, 2 ** 40] }, "impossible shape"],
    ["has absurd strides", { shape: [2 ** 30, 1], strides: [2 ** 50, 1] }, "reaches out of its 4 numbers"],
    ["walks backwards", { shape: [2], strides: [-1] }, "impossible shape"],
    ["begins ahead of its storage", { shape: [1], offset: -1 }, "impossible shape"],
    ["has more sides than strides", { shape: [2, 2], strides: [1] }, "impossible shape"],
    ["has a side of negative length", { shape: [-1] }, "impossible shape"],
  ])("is refused: it %s", async (_, facts, why) => {
    await expect(average(await torch.torchFile(entry(torch.tensor(facts)), four))).rejects.toMatchObject({
      code: "result_unreadable",
      message: expect.stringContaining(why),
    });
  });
});

describe("an archive that torch.save did not write", () => {
  const sound = entry(whole);
  const damage = async (change: (bytes: Buffer) => Buffer) => change(await torch.torchFile(sound, four));
  /** Overwrites what the central directory says of its last storage. */
  const redirect = (offset: number, value: number) =>
    damage((bytes) => {
      const name = bytes.lastIndexOf("archive/data/0");
      bytes.writeUInt32LE(value, name - 46 + offset);
      return bytes;
    });

  it.each([
    ["its storage is missing", () => torch.torchFile(sound, {}), 'the storage "0" is missing'],
    ["its storage is too short", () => torch.torchFile(sound, { "0": torch.floats(1) }), "has not the 4 numbers"],
    ["it is big-endian", () => torch.torchFile(sound, four, { byteorder: "big" }), "not little-endian"],
    ["it is compressed", () => torch.torchFile(sound, four, { compress: true }), "is compressed"],
    ["it has two pickles", () => torch.torchFile(sound, four, { more: { "b/data.pkl": sound } }), "one data.pkl"],
    ["it is cut off", () => damage((bytes) => bytes.subarray(0, -30)), "no sound archive"],
    ["a record lies over another", () => redirect(42, 0), "lies over another|no sound archive"],
    ["a record lies behind its end", () => redirect(42, 0x7fffffff), "points behind its own end"],
    [
      "a name climbs out of its folder",
      () =>
        damage((bytes) =>
          Buffer.from(bytes.toString("latin1").replaceAll("archive/version", "../hive/version"), "latin1"),
        ),
      "invalid relative path",
    ],
  ])("is refused: %s", async (_, make, why) => {
    await expect(average(await make())).rejects.toMatchObject({
      code: "result_unreadable",
      message: expect.stringMatching(new RegExp(why)),
    });
  });
});
