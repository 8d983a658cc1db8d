import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { splitMultipart } from "../../../local/storage/multipart-related.ts";

const BOUNDARY = "=boundary-7=";
const TYPE = `multipart/related; boundary="${BOUNDARY}"`;

function compose(metadata: string, content: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`--${BOUNDARY}\r\nContent-Type: application/json\r\n\r\n${metadata}\r\n`),
    Buffer.from(`--${BOUNDARY}\r\nContent-Type: text/csv\r\n\r\n`),
    content,
    Buffer.from(`\r\n--${BOUNDARY}--`),
  ]);
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function split(body: Buffer, pieceSize: number) {
  const { metadata, contentType, content } = await splitMultipart(TYPE, inPieces(body, pieceSize));
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(Buffer.from(chunk));
  return { metadata, contentType, content: Buffer.concat(chunks) };
}

describe("a multipart upload", () => {
  test.each([
    ["nothing", Buffer.alloc(0)],
    ["random bytes", randomBytes(1000)],
    ["line breaks", Buffer.from("\r\n\r\n--\r\n")],
    ["almost the boundary", Buffer.from(`\r\n--${BOUNDARY.slice(0, -1)}x\r\n-\r\r\n--=bound`)],
  ])("of %s is the same however the network cuts it", async (_, content) => {
    const body = compose('{"name":"a"}', content);
    for (let size = 1; size <= body.length; size += size < 80 ? 1 : 97) {
      const parts = await split(body, size);
      expect(parts.metadata).toBe('{"name":"a"}');
      expect(parts.contentType).toBe("text/csv");
      expect(parts.content.equals(content), `in pieces of ${size}`).toBe(true);
    }
  });

  test("that ends before its last boundary is refused", async () => {
    const body = compose("{}", randomBytes(100));
    await expect(split(body.subarray(0, -1 - BOUNDARY.length), 10)).rejects.toThrow("ends before its last boundary");
  });

  test("without a boundary is refused", async () => {
    await expect(splitMultipart("multipart/related", inPieces(Buffer.alloc(1), 1))).rejects.toThrow("boundary");
  });
});
