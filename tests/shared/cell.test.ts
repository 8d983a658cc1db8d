import { parse } from "csv-parse/sync";
import { expect, test } from "vitest";
import { type Cell, toCsvField, toJson } from "../../shared/cell.ts";

test.each<[Cell, string, string]>([
  [null, "null", ""],
  ["", '""', '""'],
  ["plain", '"plain"', "plain"],
  ['say "hi"', '"say \\"hi\\""', '"say ""hi"""'],
  ["a,b", '"a,b"', '"a,b"'],
  ["line\nline", '"line\\nline"', '"line\nline"'],
  [" spaces ", '" spaces "', " spaces "],
  [true, "true", "true"],
  [1.5, "1.5", "1.5"],
  [1e21, "1e+21", "1e+21"],
  [-0, "-0.0", "-0.0"],
])("%j is %s as JSON and %s as CSV", (cell, json, csv) => {
  expect([toJson(cell), toCsvField(cell)]).toEqual([json, csv]);
  expect(JSON.parse(json)).toBe(cell);
  expect(parse(`${csv},\n`)[0]?.[0]).toBe(cell === null ? "" : typeof cell === "string" ? cell : json);
});
