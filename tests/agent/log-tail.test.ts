import { expect, test } from "vitest";
import { cutText, LogTail } from "../../agent/log-tail.ts";

function tailOf(...pieces: (string | Buffer)[]): LogTail {
  const tail = new LogTail();
  const sink = tail.createSink();
  for (const piece of pieces) sink(Buffer.from(piece));
  return tail;
}

test("it keeps the end", () => {
  expect(tailOf("one\ntwo\n", "three\n").read(9)).toBe("two\nthree");
});

test("a line that a progress bar draws over and over counts once", () => {
  expect(tailOf("epoch 1\n10%\r20%\r30%\rdone\r\nepoch 2\n").read(100)).toBe("epoch 1\ndone\nepoch 2");
});

test("a character that comes in two pieces is whole, and none is cut in two", () => {
  const face = Buffer.from("😀");
  expect(tailOf(face.subarray(0, 2), face.subarray(2)).read(10)).toBe("😀");
  expect(tailOf("😀 ok").read(4)).toBe(" ok");
  expect(cutText("ok 😀", 4)).toBe("ok ");
});

test("what Postgres could not store or a terminal would obey is left out", () => {
  expect(tailOf("a\0b\u001b[31mred\tend").read(100)).toBe("ab[31mred\tend");
});

test("no room is no text", () => {
  expect(tailOf("text").read(0)).toBe("");
});

test.each([
  ["progress 0.5\n", 0.5],
  ["progress 0.5\nprogress: 0.75\n", 0.75],
  ["progress=1\n", 1],
  ["progress 0.5", null],
  ["progress 50\n", null],
  ["no progress 0.5\n", null],
])("%j tells a progress of %s", (text, progress) => {
  expect(tailOf(text).progress).toBe(progress);
});

test("a line of progress may come in pieces", () => {
  expect(tailOf("prog", "ress 0.", "25\n").progress).toBe(0.25);
});
