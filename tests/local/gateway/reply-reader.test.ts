import { expect, test } from "vitest";
import { type ReplyHead, ReplyReader } from "../../../local/gateway/functions/reply-reader.ts";

interface Read {
  head: ReplyHead | undefined;
  body: string;
  ended: boolean;
  reader: ReplyReader;
}

/** Reads a reply that comes in pieces of so many bytes. */
function read(text: string, { pieceBytes = text.length, method = "GET" } = {}): Read {
  const reader = new ReplyReader(method);
  const all: Read = { head: undefined, body: "", ended: false, reader };
  const bytes = Buffer.from(text, "latin1");
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const { head, body, ended } = reader.read(bytes.subarray(at, at + pieceBytes));
    all.head ??= head;
    all.body += Buffer.concat(body).toString("latin1");
    all.ended = ended;
  }
  return all;
}

const lines = (...all: string[]) => all.join("\r\n");
const SIZED = lines("HTTP/1.1 201 Created Just Now", "content-type: text/plain", "Content-Length: 5", "", "hello");
const CHUNKED = lines(
  "HTTP/1.1 200 OK",
  "transfer-encoding: chunked",
  "",
  "5;name=value",
  "hello",
  "A",
  " and on\r\n!",
);
const CHUNKED_END = lines("", "0", "checksum: 12", "", "");

test.each([1, 2, 3, 7, 1000])("a reply with a length is read from pieces of %i bytes", (pieceBytes) => {
  const { head, body, ended, reader } = read(SIZED, { pieceBytes });
  expect(head).toEqual({
    status: 201,
    statusMessage: "Created Just Now",
    rawHeaders: ["content-type", "text/plain", "Content-Length", "5"],
  });
  expect({ body, ended, isReusable: reader.isReusable }).toEqual({ body: "hello", ended: true, isReusable: true });
});

test.each([1, 2, 3, 7, 1000])(
  "a chunked reply is read from pieces of %i bytes, its trailers left out",
  (pieceBytes) => {
    const { body, ended, reader } = read(CHUNKED + CHUNKED_END, { pieceBytes });
    expect({ body, ended }).toEqual({ body: "hello and on\r\n!", ended: true });
    expect(reader.isReusable).toBe(true);
  },
);

test("a chunked reply has not ended before its last line", () => {
  expect(read(CHUNKED + CHUNKED_END.slice(0, -2))).toMatchObject({ body: "hello and on\r\n!", ended: false });
});

test("what has not ended is neither reusable nor whole when its connection closes", () => {
  for (const text of [SIZED.slice(0, -1), CHUNKED, SIZED.slice(0, 20)]) {
    const { ended, reader } = read(text);
    expect([ended, reader.isReusable, reader.endsByClose]).toEqual([false, false, false]);
  }
});

test("a reply that tells no length ends with its connection", () => {
  const { body, ended, reader } = read(lines("HTTP/1.1 200 OK", "", "all of it"), { pieceBytes: 4 });
  expect({ body, ended, endsByClose: reader.endsByClose }).toEqual({
    body: "all of it",
    ended: false,
    endsByClose: true,
  });
});

test.each([
  ["to HEAD", "HEAD", lines("HTTP/1.1 200 OK", "content-length: 5", "", "")],
  ["204", "GET", lines("HTTP/1.1 204 No Content", "", "")],
  ["304", "GET", lines("HTTP/1.1 304 Not Modified", "content-length: 5", "", "")],
  ["of length 0", "GET", lines("HTTP/1.1 200", "content-length: 0", "", "")],
])("a reply %s ends with its head", (_, method, text) => {
  expect(read(text, { method })).toMatchObject({ body: "", ended: true });
});

test("replies that only inform are passed over", () => {
  expect(read(lines("HTTP/1.1 103 Early Hints", "link: </a>", "", SIZED)).head?.status).toBe(201);
});

test("a connection that is to close, or brings more than was asked for, is not used again", () => {
  const closing = lines("HTTP/1.1 200 OK", "connection: Close", "content-length: 1", "", "x");
  for (const text of [closing, `${SIZED}HTTP/1.1`]) {
    const { ended, reader } = read(text);
    expect([ended, reader.isReusable]).toEqual([true, false]);
  }
});

test.each([
  ["no head of a reply", "SSH-2.0-OpenSSH_9.6\r\n\r\n"],
  ["no size of a chunk", `${CHUNKED}\r\nzero\r\n`],
  ["a head without an end", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(70_000)}`],
])("%s is refused", (_, text) => {
  expect(() => read(text)).toThrow();
});
