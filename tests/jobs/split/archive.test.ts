import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { buffer } from "node:stream/consumers";
import { deflateRawSync, gzipSync } from "node:zlib";
import { crc32 } from "@node-rs/crc32";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ZipFile } from "yazl";
import { type SplitScene, type SplitWishes, startSplitScene } from "./start-split-scene.ts";

const MIB = 1024 * 1024;
const CSV = "a,b\n1,2\n3,4\n";

let scene: SplitScene;
beforeAll(async () => {
  scene = await startSplitScene();
});
afterAll(() => scene.close());

interface MemberSpec {
  compress?: boolean;
  zip64?: boolean;
}

/** An archive as any tool makes it. */
function zip(members: Record<string, string | Buffer>, { compress = true, zip64 = false }: MemberSpec = {}) {
  const file = new ZipFile();
  for (const [name, content] of Object.entries(members)) {
    const options = { mtime: new Date(0), mode: 0o100644, compress, forceZip64Format: zip64 };
    file.addBuffer(Buffer.from(content), name, options);
  }
  file.end();
  return buffer(file.outputStream);
}

interface ForgedMember {
  name?: string;
  method?: number;
  flags?: number;
  content?: Buffer;
  size?: number;
  crc?: number;
}

/** An archive of one member whose headers say what no tool would. */
function forge({ name = "data.csv", method = 8, flags = 0, content = Buffer.from(CSV), ...said }: ForgedMember) {
  const { size = content.length, crc = crc32(content) } = said;
  const stored = method === 8 ? deflateRawSync(content) : content;
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0);
  common.writeUInt16LE(flags, 2);
  common.writeUInt16LE(method, 4);
  common.writeUInt32LE(crc, 10);
  common.writeUInt32LE(stored.length, 14);
  common.writeUInt32LE(size, 18);
  common.writeUInt16LE(Buffer.byteLength(name), 22);
  const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, Buffer.from(name), stored]);
  const directory = Buffer.concat([Buffer.from("PK\x01\x02\x14\0"), common, Buffer.alloc(14), Buffer.from(name)]);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, directory, end]);
}

async function split(archive: Uint8Array, wishes: SplitWishes = {}) {
  const made = await scene.split(await scene.store("archive.zip", archive), wishes);
  return { ...made, texts: [...(await scene.readChunks(made.jobId)).values()].map(String) };
}

async function refuse(archive: Uint8Array, wishes: SplitWishes = {}) {
  const error: unknown = await split(archive, wishes).catch((thrown: unknown) => thrown);
  const { code, message, retryable } = Object(error);
  return { code, message, retryable };
}

describe("an archive", () => {
  it("is split by its largest table, whatever else is larger in it", async () => {
    const archive = await zip({
      "small.csv": "x\n1\n",
      "folder/weather.csv": CSV,
      "readme.txt": "no table ".repeat(100),
      "meta.json": `{"long":"${"x".repeat(500)}"}`,
      "__MACOSX/._weather.csv": "x".repeat(1000),
      ".hidden.csv": "x".repeat(1000),
    });
    const { texts, lines } = await split(archive, { chunks: 2 });
    expect(texts).toEqual(["a,b\n1,2\n", "a,b\n3,4\n"]);
    expect(lines).toContain("Splitting folder/weather.csv (csv)");
  });

  it("is split by the file that is named, by its path or by the last part of it", async () => {
    const archive = await zip({ "größe/日本.csv": CSV, "b/large.csv": `x\n${"1\n".repeat(100)}` });
    expect((await split(archive, { dataFile: "größe/日本.csv", chunks: 1 })).texts).toEqual([CSV]);
    expect((await split(archive, { dataFile: "./größe/日本.csv", chunks: 1 })).texts).toEqual([CSV]);
    expect((await split(archive, { dataFile: "日本.csv".normalize("NFD"), chunks: 1 })).texts).toEqual([CSV]);
  });

  it("is split by text of another name when nothing in it is called a table", async () => {
    expect((await split(await zip({ LICENSE: "x", "data.txt": CSV }), { chunks: 1 })).texts).toEqual([CSV]);
  });

  it("may be stored, in zip64, or hold gzip", async () => {
    expect((await split(await zip({ "a.csv": CSV }, { compress: false }), { chunks: 1 })).texts).toEqual([CSV]);
    expect((await split(await zip({ "a.csv": CSV }, { zip64: true }), { chunks: 1 })).texts).toEqual([CSV]);
    expect((await split(await zip({ "a.csv.gz": gzipSync(CSV) }), { chunks: 1 })).texts).toEqual([CSV]);
  });

  it("may hold names that would be dangerous as paths", async () => {
    expect((await split(forge({ name: "../../etc/passwd.csv" }), { chunks: 1 })).texts).toEqual([CSV]);
  });

  it("is looked through in few requests, however many files it holds", async () => {
    const members = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`images/${index}.png`, "x"]));
    const url = await scene.store("archive.zip", await zip({ ...members, "labels.csv": CSV }));
    let requests = 0;
    const count = () => void requests++;
    subscribe("http.client.request.start", count);
    const { rows } = await scene.split(url, { chunks: 1 });
    unsubscribe("http.client.request.start", count);
    expect(rows).toBe(2);
    expect(requests).toBeLessThan(20);
  });
});

describe("an archive is refused", () => {
  it("without a table, with the names of what is there", async () => {
    expect(await refuse(await zip({ "a.png": "x", "b/c.xml": "y" }))).toEqual({
      code: "no_tabular_file",
      message: "Cannot split archive.zip: it holds no CSV, TSV, JSONL or Parquet file, only a.png, b/c.xml.",
      retryable: false,
    });
    const many = Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`${index + 10}.png`, "x"]));
    expect((await refuse(await zip(many))).message).toMatch(/only 10\.png, 11\.png, .* 19\.png and 15 more\.$/);
  });

  it("empty", async () => {
    expect(await refuse(await zip({}))).toMatchObject({
      code: "no_tabular_file",
      message: "Cannot split archive.zip: it holds no files.",
    });
  });

  it("without the file that is named, or with two of them", async () => {
    const archive = await zip({ "a/x.csv": CSV, "b/x.csv": CSV });
    const message = "archive.zip holds no file x.csv, or more than one. It holds a/x.csv, b/x.csv.";
    expect(await refuse(archive, { dataFile: "x.csv" })).toMatchObject({ code: "data_file_not_found", message });
    expect(await refuse(archive, { dataFile: "c.csv" })).toMatchObject({ code: "data_file_not_found" });
  });

  it("inside another one", async () => {
    const archive = await zip({ "inner.zip": await zip({ "a.csv": CSV }) });
    expect(await refuse(archive, { dataFile: "inner.zip" })).toMatchObject({ code: "data_format_unknown" });
  });

  it.each([
    ["encrypted", forge({ flags: 1 }), "it is encrypted"],
    [
      "compressed by another method",
      forge({ method: 9 }),
      "its compression method 9 is not supported, only deflate is",
    ],
  ])("%s", async (_, archive, why) => {
    expect(await refuse(archive)).toMatchObject({
      code: "archive_unreadable",
      message: `Cannot read data.csv in archive.zip: ${why}. Store it as a plain zip.`,
    });
  });

  it.each([
    ["whose directory is cut off", forge({}).subarray(0, -30)],
    ["whose checksum is wrong", forge({ crc: 1 })],
    ["whose file is longer than it says", forge({ size: 5 })],
    ["whose file is shorter than it says", forge({ size: 500 })],
    ["whose file cannot be inflated", forge({ method: 8, content: Buffer.from(CSV) }).fill(0xff, 38, 45)],
  ])("%s", async (_, archive) => {
    const refusal = await refuse(archive);
    expect(refusal).toMatchObject({ code: "archive_unreadable", retryable: false });
    expect(refusal.message).not.toContain("..");
  });

  it("that grows out of all proportion, before it does", async () => {
    const zeros = deflateRawSync(Buffer.alloc(MIB));
    const bomb = forge({ method: 8, content: Buffer.alloc(MIB), size: 400 * MIB });
    expect(zeros.length).toBeLessThan(2000);
    expect(await refuse(bomb)).toMatchObject({
      code: "data_too_large",
      message: expect.stringMatching(/it grows to the \d+-fold when inflated, more than the 250-fold that is allowed/),
    });
  });

  it("that is gzip and grows out of all proportion, as soon as it does", async () => {
    const member = gzipSync(Buffer.alloc(64 * MIB, "a,b\n"));
    const url = await scene.store("bomb.csv.gz", Buffer.concat(Array.from({ length: 8 }, () => member)));
    const error: unknown = await scene.split(url).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "data_too_large" });
  });
});
