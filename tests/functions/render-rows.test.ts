import { parse } from "csv-parse/sync";
import { expect, test } from "vitest";
import { renderCsv, renderJson, type ShownColumn } from "../../functions/api/render-rows.ts";
import { showColumns } from "../../functions/api/show-columns.ts";

const shown = (...names: string[]): ShownColumn[] => names.map((name, index) => ({ name, index, isMasked: false }));
const HOSTILE = ['say "hi"', "a,b", "line\nline", "cr\rlf\r\n", " spaces ", "é😀", "\u2028", "=1+1", "null"];

test("JSON is an array of objects that are the rows", () => {
  const columns = shown("n", "text", "flag", "none");
  const rows = HOSTILE.map((text, index) => [index / 4, text, index % 2 === 0, null]);
  expect(JSON.parse(renderJson(columns, rows, 9999) ?? "")).toEqual(
    rows.map(([n, text, flag, none]) => ({ n, text, flag, none })),
  );
  expect(renderJson(columns, [], 0)).toBe("[]");
  expect(renderJson(shown(), [[]], 9999)).toBe("[{}]");
});

test("JSON keeps the columns' order and their names, whatever these are", () => {
  expect(renderJson(shown("b", "2", "1", "__proto__", 'q"'), [[1, 2, 3, 4, 5]], 9999)).toBe(
    '[{"b":1,"2":2,"1":3,"__proto__":4,"q\\"":5}]',
  );
});

test("CSV is read back as it was, by whoever reads RFC 4180", () => {
  const columns = shown(...HOSTILE);
  const rows = [HOSTILE, HOSTILE.toReversed()];
  expect(parse(renderCsv(columns, rows, 9999) ?? "")).toEqual([HOSTILE, ...rows]);
});

test("CSV tells null from an empty text, and begins with no mark", () => {
  expect(renderCsv(shown("a", "b", "c"), [[null, "", 1.5]], 9999)).toBe('a,b,c\n,"",1.5\n');
});

test("a masked column shows where there is a value, and a hidden one nothing", () => {
  const stored = ["a", "b", "c"].map((name) => ({ name }));
  const columns = showColumns(stored, [
    { name: "c", masked: true },
    { name: "a", masked: false },
    { name: "gone", masked: false },
  ]);
  const rows = [
    [1, "secret", 5],
    [2, "secret", null],
  ];
  expect(renderJson(columns, rows, 9999)).toBe('[{"c":"***","a":1},{"c":null,"a":2}]');
  expect(renderCsv(columns, rows, 9999)).toBe("c,a\n***,1\n,2\n");
});

test("what would be too long is not there", () => {
  const rows = Array.from({ length: 10 }, (_, index) => [index]);
  for (const render of [renderJson, renderCsv]) {
    expect(render(shown("a"), rows, 80)).toHaveLength(render === renderJson ? 81 : 22);
    expect(render(shown("a"), rows, 19)).toBeUndefined();
  }
});
