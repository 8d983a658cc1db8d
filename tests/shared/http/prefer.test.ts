import { expect, test } from "vitest";
import { preferredWait } from "../../../shared/http/prefer.ts";

test.for<[string | undefined, number | undefined]>([
  ["wait=10", 10],
  ["respond-async, wait=5", 5],
  ["Wait = 7; foo=bar", 7],
  ['wait="20"', 20],
  ["wait=0", 0],
  [undefined, undefined],
  ["respond-async", undefined],
  ["wait", undefined],
  ["wait=-1", undefined],
  ["wait=soon", undefined],
  ["await=3", undefined],
])("Prefer: %s asks for %s seconds", ([header, seconds]) => {
  expect(preferredWait(header)).toBe(seconds);
});
