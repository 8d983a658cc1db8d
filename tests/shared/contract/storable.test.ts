import { expect, test } from "vitest";
import { storableArray, storableObject, storableText } from "../../../shared/contract/storable.ts";

const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: nested(depth - 1) });

test.for(["", "é😀", "line\nline"])("%j can be stored", (text) => {
  expect(storableText(100, 0).safeParse(text).success).toBe(true);
  expect(storableObject(100).safeParse({ [text]: [text, null, 1.5, true, {}] }).success).toBe(true);
  expect(storableArray(100).safeParse([text]).success).toBe(true);
});

test.for(["\0", "a\0b", "\ud800", "\udc00a"])("%j cannot be stored, wherever it is", (text) => {
  expect(storableText(100).safeParse(text).success).toBe(false);
  for (const value of [{ a: text }, { [text]: 1 }, { a: [{ b: [text] }] }]) {
    expect(storableObject(100).safeParse(value).success).toBe(false);
    expect(storableArray(100).safeParse([value]).success).toBe(false);
  }
});

test("an object is one, of limited depth and length", () => {
  for (const value of [[], "a", 1, null, undefined]) expect(storableObject(100).safeParse(value).success).toBe(false);
  expect(storableArray(100).safeParse({}).success).toBe(false);
  const messageOf = (value: unknown) => storableObject(1000).safeParse(value).error?.issues[0]?.message;
  expect(messageOf([])).toBe("Input should be an object");
  expect(messageOf(nested(33))).toMatch(/32 deep/);
  expect(storableArray(100).safeParse({}).error?.issues[0]?.message).toBe("Input should be an array");
  expect(storableObject(1000).safeParse(nested(32)).success).toBe(true);
  expect(storableObject(1000).safeParse(nested(33)).success).toBe(false);
  expect(storableObject(9).safeParse({ a: "bc" }).success).toBe(false);
  expect(storableObject(10).safeParse({ a: "bc" }).success).toBe(true);
});
