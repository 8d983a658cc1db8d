import { gzipSync } from "node:zlib";
import { parse } from "csv-parse/sync";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SplitScene, type SplitWishes, startSplitScene } from "./start-split-scene.ts";

const MIB = 1024 * 1024;

let scene: SplitScene;
beforeAll(async () => {
  scene = await startSplitScene();
});
afterAll(() => scene.close());

/** Splits a file; resolves to the chunks' contents as text, in order. */
async function split(name: string, content: string | Uint8Array, wishes: SplitWishes = {}) {
  const made = await scene.split(await scene.store(name, content), wishes);
  const contents = await scene.readChunks(made.jobId);
  return { ...made, names: [...contents.keys()], texts: [...contents.values()].map(String) };
}

/** How a split fails. */
async function refuse(name: string, content: string | Uint8Array, wishes: SplitWishes = {}) {
  const url = await scene.store(name, content);
  const error: unknown = await scene.split(url, wishes).catch((thrown: unknown) => thrown);
  const { code, message, retryable } = Object(error);
  return { code, message, retryable };
}

describe("a CSV file", () => {
  it("becomes chunks of its rows as they are, each with the header", async () => {
    const { names, texts, rows, tasks, jobId } = await split("data.csv", "a,b\n1,2\n3,4\n5,6\n7,8\n9,0\n", {
      chunks: 3,
    });
    expect(names).toEqual(["00001.csv", "00002.csv", "00003.csv"]);
    expect(texts).toEqual(["a,b\n1,2\n3,4\n", "a,b\n5,6\n7,8\n", "a,b\n9,0\n"]);
    expect(rows).toBe(5);
    const url = (number: number) => `gs://split-bucket/jobs/${jobId}/chunks/0000${number}.csv`;
    expect(tasks).toEqual([
      { number: 1, url: url(1), rows: 2, bytes: 12 },
      { number: 2, url: url(2), rows: 2, bytes: 12 },
      { number: 3, url: url(3), rows: 1, bytes: 8 },
    ]);
  });

  it("becomes fewer chunks than were asked for when it has fewer rows", async () => {
    expect((await split("data.csv", "a\n1\n2\n", { chunks: 10 })).texts).toEqual(["a\n1\n", "a\n2\n"]);
  });

  it("becomes chunks of at most so many rows when that is asked for", async () => {
    const { tasks } = await split("data.csv", `a\n${"1\n".repeat(10)}`, { rowsPerChunk: 4 });
    expect(tasks.map(({ rows }) => rows)).toEqual([4, 3, 3]);
  });

  it.each([
    ["quoted newlines", 'a,b\n"1\n2",3\n"4\r\n5",6\n', ['a,b\n"1\n2",3\n', 'a,b\n"4\r\n5",6\n']],
    ["quoted separators and doubled quotes", 'a,b\n"1,""2""",3\n4,""\n', ['a,b\n"1,""2""",3\n', 'a,b\n4,""\n']],
    ["a quote inside a bare field", 'a,b\n1" pipe,2\n3,4"\n', ['a,b\n1" pipe,2\n', 'a,b\n3,4"\n']],
    ["text behind a closing quote", 'a,b\n"1"x,2\n3,4\n', ['a,b\n"1"x,2\n', "a,b\n3,4\n"]],
    ["CRLF", "a,b\r\n1,2\r\n3,4\r\n", ["a,b\r\n1,2\r\n", "a,b\r\n3,4\r\n"]],
    ["CR alone", "a,b\r1,2\r3,4\r", ["a,b\r1,2\r", "a,b\r3,4\r"]],
    ["no last newline", "a,b\n1,2\n3,4", ["a,b\n1,2\n", "a,b\n3,4\n"]],
    ["no last newline behind CRLF", "a,b\r\n1,2\r\n3,4", ["a,b\r\n1,2\r\n", "a,b\r\n3,4\r\n"]],
    ["no last newline behind CR", "a,b\r1,2\r3,4", ["a,b\r1,2\r", "a,b\r3,4\r"]],
    ["an empty last field without a newline", "a,b\n1,2\n3,", ["a,b\n1,2\n", "a,b\n3,\n"]],
    ["a byte order mark", "\ufeffa,b\n1,2\n3,4\n", ["a,b\n1,2\n", "a,b\n3,4\n"]],
    ["empty lines", "\n\na,b\n\r\n1,2\n\n\n3,4\n\r\n\n", ["a,b\n1,2\n", "a,b\n3,4\n"]],
    ["a quoted header of two lines", '"a\nb",c\n1,2\n3,4\n', ['"a\nb",c\n1,2\n', '"a\nb",c\n3,4\n']],
    ["semicolons", "a;b\n1,5;2\n3;4,5\n", ["a;b\n1,5;2\n", "a;b\n3;4,5\n"]],
    ["bars", "a|b\n1,5|2\n3|4\n", ["a|b\n1,5|2\n", "a|b\n3|4\n"]],
    ["one column", "a\nx y\nz\n", ["a\nx y\n", "a\nz\n"]],
    ["names that are not ASCII", "größe,название\n1,😀\n2,é\n", ["größe,название\n1,😀\n", "größe,название\n2,é\n"]],
  ])("is split right with %s", async (_, content, expected) => {
    expect((await split("data.csv", content, { chunks: 2 })).texts).toEqual(expected);
  });

  it("is taken for what it is when its name says nothing, or something else", async () => {
    expect((await split("data", "a,b\n1,2\n")).names).toEqual(["00001.csv"]);
    expect((await split("data.txt", "a\tb\n1\t2\n")).names).toEqual(["00001.tsv"]);
    expect((await split("data.csv", "a\tb\n1\t2,5\n")).names).toEqual(["00001.tsv"]);
    expect((await split("data.tsv", "a,b\n1,2\n")).names).toEqual(["00001.csv"]);
  });

  it("is read through gzip", async () => {
    const twice = Buffer.concat([gzipSync("a,b\n1,2\n"), gzipSync("3,4\n")]);
    expect((await split("data.csv.gz", twice, { chunks: 2 })).texts).toEqual(["a,b\n1,2\n", "a,b\n3,4\n"]);
  });

  it("has the same rows as before, told by another parser, however its bytes fall into blocks", async () => {
    const words = ["plain", 'say "hi"', "a,b", "line\nbreak", "crlf\r\nbreak", "", "ü€😀", '"', "\r"];
    const quote = (word: string) => (/[",\r\n]/.test(word) ? `"${word.replaceAll('"', '""')}"` : word);
    const rows = Array.from({ length: 30_000 }, (_, row) =>
      Array.from({ length: 5 }, (__, column) =>
        column === 0 ? String(row) : (words[(row * 7 + column * 5) % 9] ?? ""),
      ),
    );
    const content = [["id", "b", "c", "d", "e"], ...rows].map((row) => row.map(quote).join(",")).join("\r\n");
    const { texts, tasks } = await split("data.csv", content, { chunks: 7 });
    const found = texts.flatMap((text) => parse(text, { record_delimiter: "\r\n", from_line: 1 }).slice(1));
    expect(found).toEqual(rows);
    expect(tasks.map((task) => task.rows)).toEqual([4286, 4286, 4286, 4286, 4286, 4285, 4285]);
  });
});

describe("a JSONL file", () => {
  it("becomes chunks of its lines as they are, without the blank ones", async () => {
    const content = '\ufeff{"a":1}\n\n  \t\r\n{"a": "x\\ny"}\r\n[1,2]\n{"b":null}';
    const { names, texts, rows } = await split("data.jsonl", content, { chunks: 2 });
    expect(names).toEqual(["00001.jsonl", "00002.jsonl"]);
    expect(texts).toEqual(['{"a":1}\n{"a": "x\\ny"}\r\n', '[1,2]\n{"b":null}\n']);
    expect(rows).toBe(4);
  });

  it("is known by its content", async () => {
    expect((await split("data.json", '{"a":1}\n{"a":2}\n', { chunks: 2 })).names).toEqual([
      "00001.jsonl",
      "00002.jsonl",
    ]);
    expect((await split("data.ndjson.gz", gzipSync('{"a":1}\n'))).names).toEqual(["00001.jsonl"]);
  });

  it("is refused where a line is no JSON", async () => {
    expect(await refuse("data.jsonl", '{"a":1}\n\n{"a":\n')).toEqual({
      code: "data_malformed",
      message: expect.stringMatching(/^Cannot split data\.jsonl: line 3 is no JSON \(.+\)\. Correct the file\.$/),
      retryable: false,
    });
  });
});

describe("a text that cannot be split is refused", () => {
  const long = "x".repeat(17 * MIB);
  it.each([
    ["a row with too few fields", "a,b\n1,2\n\n3\n", "line 4 has 1 field where the header has 2"],
    ["a row with too many fields", "a,b\n1,2,3\n", "line 2 has 3 fields where the header has 2"],
    ["a short row behind quoted newlines", 'a,b\n"1\n\n2",3\n4\n', "line 5 has 1 field where the header has 2"],
    ["a short row behind CRs", "a,b\r1,2\r3\r", "line 3 has 1 field where the header has 2"],
    ["a quote that never ends", 'a,b\n1,2\n3,"4\n5,6\n', "line 3 opens a quote that is never closed"],
    [
      "a quote that goes on and on",
      `a,b\n1,"${"x\n".repeat(9 * MIB)}`,
      "line 2 opens a quote that is not closed within 16 MiB",
    ],
    ["an endless line", `a,b\n1,2\n${long}`, "line 3 is longer than 16 MiB"],
    ["an endless first line", long, "line 1 is longer than 16 MiB"],
    ["a NUL byte", "a,b\n1,2\n3,\0\n", "line 3 holds a NUL byte"],
  ])("for %s", async (_, content, why) => {
    expect(await refuse("data.csv", content)).toEqual({
      code: "data_malformed",
      message: `Cannot split data.csv: ${why}. Correct the file.`,
      retryable: false,
    });
    expect(await scene.readChunks(scene.nextJob() - 1)).toEqual(new Map());
  });

  it("for bytes that are not UTF-8, with their line", async () => {
    const latin1 = Buffer.concat([Buffer.from("a,b\n1,é\n2,"), Buffer.from([0xe9]), Buffer.from("\n")]);
    expect(await refuse("data.csv", latin1)).toMatchObject({
      code: "data_not_utf8",
      message: "Cannot split data.csv: line 3 is not UTF-8. Save the file as UTF-8.",
    });
    const cut = Buffer.from("a\n1\n😀").subarray(0, -1);
    expect(await refuse("data.csv", cut)).toMatchObject({ code: "data_not_utf8" });
  });

  it.each([Buffer.from("\ufeffa,b\n1,2\n", "utf16le"), Buffer.from([0xfe, 0xff, 0x00, 0x61])])(
    "for UTF-16, %#",
    async (content) => {
      expect(await refuse("data.csv", content)).toMatchObject({
        code: "data_not_utf8",
        message: "Cannot split data.csv: it is UTF-16. Save it as UTF-8.",
      });
    },
  );

  it.each(["", "\n\r\n", "\ufeff", "a,b\n", "a,b"])("for nothing to split: %j", async (content) => {
    expect(await refuse("data.csv", content)).toMatchObject({ code: "data_empty" });
    expect(await refuse("data.jsonl", content.replace(/a,b/, ""))).toMatchObject({ code: "data_empty" });
  });

  it.each([
    ["page.csv.html", "<!DOCTYPE html><html></html>", "it is a web page. Give the URL of the file itself."],
    ["data.csv", "<!DOCTYPE html>\n<html>\n</html>\n", "it is a web page. Give the URL of the file itself."],
    ["data.json", '[\n{"a":1}\n]', "it is one JSON value. Write one JSON object per line."],
    ["data.json", '{\n"a":1\n}', "it is one JSON value. Write one JSON object per line."],
    ["picture", Buffer.from("89504e470d0a1a0a0000000d49484452", "hex"), "it is neither CSV, TSV, JSONL nor Parquet."],
  ])("for being something else: %s", async (name, content, why) => {
    expect(await refuse(name, content)).toMatchObject({
      code: "data_format_unknown",
      message: `Cannot split ${name}: ${why}`,
    });
  });

  it("for broken gzip", async () => {
    const whole = gzipSync(Buffer.alloc(100_000, "a,b\n"));
    expect(await refuse("data.csv.gz", whole.subarray(0, -20))).toMatchObject({ code: "archive_unreadable" });
  });

  it("for not being there", async () => {
    const error = await scene.split("gs://split-bucket/jobs/1/data/none.csv").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "data_not_found",
      message: "There is no object gs://split-bucket/jobs/1/data/none.csv.",
      retryable: false,
    });
  });

  it("for lying in another bucket", async () => {
    const error = await scene.split("gs://others/data.csv").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "data_unreachable" });
  });
});
