import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Given, type Results, serveResults } from "./serve-results.ts";

let results: Results;
beforeAll(async () => {
  results = await serveResults();
});
afterAll(() => results.close());

const files = (name: string, contents: (string | Uint8Array)[]): Given[] =>
  contents.map((content) => ({ name, content }));
const join = (name: string, ...contents: (string | Uint8Array)[]) => results.aggregate("concat", files(name, contents));

describe("CSV results", () => {
  it("become one with one header, in the order of the tasks", async () => {
    const { url, content, details } = await join("out.csv", "a,b\n1,2\n", "a,b\n3,4\n5,6\n", "a,b\n7,8\n");
    expect(url).toMatch(/\/result\.csv$/);
    expect(content.toString()).toBe("a,b\n1,2\n3,4\n5,6\n7,8\n");
    expect(details).toEqual({ mode: "concat", tasks: 3, results: 3, format: "csv", rows: 4, columns: 2 });
  });

  it("may end without a newline, begin with a byte order mark, and hold empty lines", async () => {
    const { content, details } = await join("out.csv", "\ufeffa,b\n1,2", "\n\ufeffa,b\n3,4\n\n\n5,6".slice(1), "a,b");
    expect(content.toString()).toBe("a,b\n1,2\n3,4\n5,6\n");
    expect(details).toMatchObject({ rows: 3 });
  });

  it("end their lines as one does, but keep what is in quotes", async () => {
    const { content } = await join("out.csv", 'a,b\r\n1,"x\r\ny"\r\n2,z\r\n', 'a,b\n3,"p\nq"\n', "a,b\r4,5\r");
    expect(content.toString()).toBe('a,b\n1,"x\r\ny"\n2,z\n3,"p\nq"\n4,5\n');
  });

  it("compare headers by their names, however they are quoted", async () => {
    const { content } = await join("out.csv", 'a,"b ""c"""\n1,2\n', '"a","b ""c"""\n3,4\n');
    expect(content.toString()).toBe('a,"b ""c"""\n1,2\n3,4\n');
  });

  it("may end with nothing but empty lines, more than are read at once", async () => {
    const { content } = await join(
      "out.csv",
      `a,b\n1,2\n${"\n".repeat(600_000)}`,
      `a,b\r\n3,4${"\r\n".repeat(600_000)}`,
    );
    expect(content.toString()).toBe("a,b\n1,2\n3,4\n");
  });

  it("may have a header of several lines", async () => {
    const { content } = await join("out.csv", '"a\nb",c\n1,2\n', '"a\nb",c\n3,4\n');
    expect(content.toString()).toBe('"a\nb",c\n1,2\n3,4\n');
  });

  it("keep their delimiter, and a tab gives the name .tsv", async () => {
    expect((await join("out.csv", "a;b\n1,5;2\n", "a;b\n3,5;4\n")).content.toString()).toBe("a;b\n1,5;2\n3,5;4\n");
    const { url, content } = await join("out.tsv", "a\tb\n1\t2\n", "a\tb\n3\t4\n");
    expect(url).toMatch(/\/result\.tsv$/);
    expect(content.toString()).toBe("a\tb\n1\t2\n3\t4\n");
  });

  it("add nothing when they are empty, and are counted", async () => {
    const { content, details } = await join("out.csv", "", "a,b\n1,2\n", "");
    expect(content.toString()).toBe("a,b\n1,2\n");
    expect(details).toMatchObject({ results: 3, empty_results: 2, rows: 1 });
  });

  it("are joined whole when they are larger than what is read at once", async () => {
    const rows = (from: number) =>
      Array.from({ length: 60_000 }, (_, index) => `${from + index},"text, ${"x".repeat(index % 40)}\n"`).join("\r\n");
    const { content, details } = await join("out.csv", `id,text\r\n${rows(0)}`, `id,text\r\n${rows(60_000)}`);
    const expected = `id,text\n${rows(0)}\n${rows(60_000)}\n`.replaceAll("\r\n", "\n");
    expect(content.toString() === expected).toBe(true);
    expect(details).toMatchObject({ rows: 120_000 });
  });

  it.each([
    ["a column has another name", "a,c\n3,4\n", 'its column 2 is "c", and that of task 1 is "b"'],
    ["columns are in another order", "b,a\n3,4\n", 'its column 1 is "b", and that of task 1 is "a"'],
    ["a column is missing", "a\n3\n", 'its column 2 is nothing, and that of task 1 is "b"'],
    ["there is one column more", "a,b,c\n1,2,3\n", 'its column 3 is "c", and that of task 1 is nothing'],
    ["there is no header", "3,4\n5,6\n", 'its column 1 is "3", and that of task 1 is "a"'],
  ])("are refused with the task's name when %s", async (_, other, why) => {
    await expect(join("out.csv", "a,b\n1,2\n", other)).rejects.toMatchObject({
      code: "results_differ",
      message: expect.stringContaining(`Cannot join task 2: ${why}`),
      retryable: false,
    });
  });

  it.each([
    ["a row has too many fields", "a,b\n1,2,3\n", "line 2 has 3 fields where the header has 2"],
    ["a quote stays open", 'a,b\n1,"2\n3,4\n', "line 2 opens a quote that is never closed"],
    ["they are not UTF-8", Buffer.from("a,b\n1,\xff\n", "latin1"), "line 2 is not UTF-8"],
  ])("are refused with task and line when %s", async (_, other, why) => {
    await expect(join("out.csv", "a,b\n1,2\n", other)).rejects.toMatchObject({
      code: "result_unreadable",
      message: expect.stringContaining(`Cannot join task 2: ${why}`),
    });
  });

  it("leave nothing behind when they are refused", async () => {
    const given = files("out.csv", ["a,b\n1,2\n", "c\n1\n"]);
    await expect(results.aggregate("concat", given, { runId: 4711 })).rejects.toThrow("column 1");
    expect((await results.bucket.getFiles({ prefix: "jobs/7/final/4711/" }))[0]).toEqual([]);
  });
});

describe("JSONL results", () => {
  it("become one, each line with a newline and no empty ones", async () => {
    const { url, content, details } = await join(
      "out.jsonl",
      '{"a":1}',
      '\ufeff{"a":2}\r\n\r\n{"a":3}\r\n',
      '{"a":4}\n',
    );
    expect(url).toMatch(/\/result\.jsonl$/);
    expect(content.toString()).toBe('{"a":1}\n{"a":2}\n{"a":3}\n{"a":4}\n');
    expect(details).toMatchObject({ format: "jsonl", rows: 4 });
  });

  it("are known by their content too", async () => {
    expect((await join("metrics", '{"loss":1}\n', '{"loss":2}\n')).content.toString()).toBe('{"loss":1}\n{"loss":2}\n');
  });

  it("are refused with task and line when one is broken", async () => {
    await expect(join("out.jsonl", '{"a":1}\n', '{"a":2}\n{"a":\n')).rejects.toMatchObject({
      code: "result_unreadable",
      message: expect.stringContaining("Cannot join task 2: line 2 is no JSON"),
    });
  });
});
