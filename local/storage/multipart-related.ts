import { invalid } from "./storage-error.ts";

/** The first part of a multipart upload, whole, and the second as it arrives. */
export interface MultipartUpload {
  metadata: string;
  contentType: string | undefined;
  content: AsyncGenerator<Buffer>;
}

const MAX_METADATA_BYTES = 1 << 20;
const BLANK_LINE = "\r\n\r\n";

/** Splits a `multipart/related` body of two parts, as the JSON API takes it, without holding the second in memory. */
export async function splitMultipart(
  contentType: string | undefined,
  body: AsyncIterable<Buffer>,
): Promise<MultipartUpload> {
  const [, quoted, plain] =
    /^multipart\/\w+\s*;.*?boundary=(?:"([^"]+)"|'?([^\s;']+)'?)/i.exec(contentType ?? "") ?? [];
  const boundary = quoted ?? plain;
  if (boundary === undefined) throw invalid("A multipart upload needs a Content-Type with a boundary.");
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  const source = new Source(body);
  // The first delimiter has no line break before it, unless one is put there.
  source.putBack(Buffer.from("\r\n"));
  await source.readThrough(delimiter);
  const first = await source.readThrough(delimiter);
  const metadata = first.subarray(first.indexOf(BLANK_LINE) + BLANK_LINE.length).toString("utf8");
  const headers = (await source.readThrough(Buffer.from(BLANK_LINE))).toString("latin1");
  const type = /^content-type:\s*(.*?)\s*$/im.exec(headers)?.[1];
  return { metadata, contentType: type, content: source.streamUntil(delimiter) };
}

/** Bytes pulled from a body, some of them held back. */
class Source {
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(body: AsyncIterable<Buffer>) {
    this.#chunks = body[Symbol.asyncIterator]();
  }

  putBack(bytes: Buffer): void {
    this.#held = Buffer.concat([bytes, this.#held]);
  }

  /** Bytes before a mark; the mark is consumed. */
  async readThrough(mark: Buffer): Promise<Buffer> {
    for (;;) {
      const at = this.#held.indexOf(mark);
      if (at >= 0) {
        const before = this.#held.subarray(0, at);
        this.#held = this.#held.subarray(at + mark.length);
        return before;
      }
      if (this.#held.length > MAX_METADATA_BYTES) throw invalid("The metadata of a multipart upload is too large.");
      this.#held = Buffer.concat([this.#held, await this.#pull()]);
    }
  }

  /** Bytes before a mark, as they arrive; what follows the mark is read and dropped. */
  async *streamUntil(mark: Buffer): AsyncGenerator<Buffer> {
    for (;;) {
      const at = this.#held.indexOf(mark);
      if (at >= 0) {
        if (at > 0) yield this.#held.subarray(0, at);
        return await this.#drain();
      }
      // The mark may begin in this chunk and end in the next.
      const safe = startOfPartialMark(this.#held, mark);
      if (safe > 0) yield this.#held.subarray(0, safe);
      const rest = this.#held.subarray(safe);
      const next = await this.#pull();
      this.#held = rest.length === 0 ? next : Buffer.concat([rest, next]);
    }
  }

  async #pull(): Promise<Buffer> {
    const next = await this.#chunks.next();
    if (next.done) throw invalid("The body of a multipart upload ends before its last boundary.");
    return next.value;
  }

  async #drain(): Promise<void> {
    while (!(await this.#chunks.next()).done);
  }
}

/** Where a mark may have begun that the end of the buffer cuts off; the buffer's length when nowhere. */
function startOfPartialMark(buffer: Buffer, mark: Buffer): number {
  const earliest = Math.max(buffer.length - mark.length + 1, 0);
  for (let at = buffer.indexOf(mark[0] ?? 0, earliest); at >= 0; at = buffer.indexOf(mark[0] ?? 0, at + 1)) {
    if (buffer.subarray(at).equals(mark.subarray(0, buffer.length - at))) return at;
  }
  return buffer.length;
}
