import { describe, expect, it } from "vitest";
import { CsvScanner } from "../../../jobs/tabular/csv-scanner.ts";
import { cutBlocks } from "../../../jobs/tabular/cut-blocks.ts";
import { detectContent } from "../../../jobs/tabular/detect-content.ts";
import { detectDelimiter } from "../../../jobs/tabular/detect-delimiter.ts";
import { JsonLinesScanner } from "../../../jobs/tabular/json-lines-scanner.ts";
import type { RowScanner } from "../../../jobs/tabular/row-scanner.ts";
import { formatByName } from "../../../jobs/tabular/tabular-format.ts";

/** Reads text in blocks of so many bytes at least, one row after the other. */
async function readRows(scanner: RowScanner, text: string, pieceBytes: number): Promise<string[]> {
  const bytes = Buffer.from(text);
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  }
  const rows: string[] = [];
  let open = "";
  for await (const block of cutBlocks("data", pieces(), scanner, 1)) {
    for (let at = 0; at < block.length; ) {
      const scan = scanner.scan(block, at, 1);
      open += block.toString("utf8", at, scan.end);
      if (scan.rows > 0) rows.push(open);
      if (scan.rows > 0) open = "";
      at = scan.next;
    }
  }
  if (scanner.end() > 0) rows.push(open);
  return rows;
}

describe("rows are the same however the bytes arrive", () => {
  const csv = '\ufeffa,b\r\n"1\r\n\r\n",é\r\n\r\n\n"😀""\n",""\r3,4\n5,"6"';
  it.each(Array.from({ length: 40 }, (_, index) => index + 1))("CSV in pieces of %d bytes", async (pieceBytes) => {
    const scanner = new CsvScanner({ name: "data", delimiter: ",", strict: true });
    const rows = ["a,b\r\n", '"1\r\n\r\n",é\r\n', '"😀""\n",""\r', "3,4\n", '5,"6"'];
    expect(await readRows(scanner, csv, pieceBytes)).toEqual(rows);
  });

  const json = '{"a":"😀"}\r\n\r\n \t\n[1]\n{"b":2}';
  it.each([1, 2, 3, 5, 7, 100])("JSONL in pieces of %d bytes", async (pieceBytes) => {
    const scanner = new JsonLinesScanner({ name: "data", strict: true });
    expect(await readRows(scanner, json, pieceBytes)).toEqual(['{"a":"😀"}\r\n', "[1]\n", '{"b":2}']);
  });
});

describe("detectDelimiter", () => {
  it.each([
    ["a,b\n1,2\n", ","],
    ["a;b\n1,5;2,5\n", ";"],
    ["a\tb\n1,5\t2\n", "\t"],
    ["a|b|c\n1|2|3\n", "|"],
    ["name;text\nx;one, two\ny;three\n", ";"],
    ['"a;b",c\n"d;e",f\n', ","],
    ["alone\n1\n2\n", ","],
    ["a\tb, c\n1\t2\n", "\t"],
    ["a;b", ";"],
  ])("tells what separates %j: %j", (text, delimiter) => {
    expect(detectDelimiter(Buffer.from(text))).toBe(delimiter);
  });
});

describe("formatByName", () => {
  it.each([
    ["a.CSV", { format: "csv", gzip: false }],
    ["a.b.tsv.gz", { format: "tsv", gzip: true }],
    ["x/y.ndjson", { format: "jsonl", gzip: false }],
    ["a.parquet", { format: "parquet", gzip: false }],
    ["a.parquet.gz", undefined],
    ["csv", undefined],
    ["a.json", undefined],
    ["a.constructor", undefined],
  ])("%s", (name, format) => {
    expect(formatByName(name)).toEqual(format);
  });
});

describe("detectContent", () => {
  it("believes the bytes before the name", () => {
    expect(detectContent("a.csv", Buffer.from("PAR1...."))).toBe("parquet");
    expect(detectContent("a.csv", Buffer.from([0x1f, 0x8b, 8, 0]))).toBe("gzip");
    expect(detectContent("a.csv", Buffer.from("PK\x03\x04", "latin1"))).toBe("zip");
  });

  it.each(["<!DOCTYPE html>\n<html>", "\ufeff\n <html lang=en>", '<?xml version="1.0"?>\n<Error>'])(
    "knows a web page under any name: %s",
    (page) => {
      for (const name of ["r.csv", "r.tsv", "r.jsonl", "r"])
        expect(detectContent(name, Buffer.from(page))).toBe("html");
    },
  );

  it("believes a name before text that is not unmistakable", () => {
    expect(detectContent("a.csv", Buffer.from('{"a":1}\n'))).toBe("csv");
    expect(detectContent("a", Buffer.from('{"a":1}\n'))).toBe("jsonl");
    expect(detectContent("a.csv", Buffer.from("<b>,c\n1,2\n"))).toBe("csv");
  });

  it("takes text that is cut off inside a character for text", () => {
    expect(detectContent("data", Buffer.from("a,b\n1,😀").subarray(0, -2))).toBe("csv");
    expect(detectContent("data", Buffer.from([0x61, 0x2c, 0xff, 0x0a]))).toBe("binary");
  });
});
