/** What travels between the runner and a child: a letter, a length, as many bytes. */
export interface Frame {
  kind: "message" | "rows";
  payload: Buffer;
}

const HEADER_BYTES = 5;
const MESSAGE = 0x6d;
const ROWS = 0x72;
/** What neither side makes; longer lengths are garbage. */
const MAX_PAYLOAD_BYTES = 1 << 30;

export function encodeMessage(message: unknown): Buffer {
  return encode(MESSAGE, [Buffer.from(JSON.stringify(message))]);
}

/** Rows as text, and how many they are. */
export function encodeRows(rowCount: number, text: string): Buffer {
  const count = Buffer.alloc(4);
  count.writeUInt32LE(rowCount);
  return encode(ROWS, [count, Buffer.from(text)]);
}

export function decodeRows(payload: Buffer): { rowCount: number; text: Buffer } {
  return { rowCount: payload.readUInt32LE(0), text: payload.subarray(4) };
}

function encode(kind: number, parts: Buffer[]): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(kind, 0);
  header.writeUInt32LE(
    parts.reduce((sum, part) => sum + part.length, 0),
    1,
  );
  return Buffer.concat([header, ...parts]);
}

/** Reads frames through a function that fills a buffer; undefined at the end. */
export function readFrame(fill: (buffer: Buffer) => boolean): Frame | undefined {
  const header = Buffer.alloc(HEADER_BYTES);
  if (!fill(header)) return undefined;
  const { kind, length } = parseHeader(header);
  const payload = Buffer.alloc(length);
  return length > 0 && !fill(payload) ? undefined : { kind, payload };
}

/** Cuts a stream of bytes into frames; half a frame at the end is dropped. */
export async function* readFrames(bytes: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let waiting: Buffer[] = [];
  let size = 0;
  let need = HEADER_BYTES;
  for await (const chunk of bytes) {
    waiting.push(chunk);
    size += chunk.length;
    while (size >= need) {
      const all = waiting.length === 1 ? (waiting[0] ?? chunk) : Buffer.concat(waiting);
      const { kind, length } = parseHeader(all);
      const end = HEADER_BYTES + length;
      waiting = [all];
      need = end;
      if (size < end) break;
      yield { kind, payload: all.subarray(HEADER_BYTES, end) };
      waiting = [all.subarray(end)];
      size -= end;
      need = HEADER_BYTES;
    }
  }
}

function parseHeader(header: Buffer): { kind: Frame["kind"]; length: number } {
  const letter = header.readUInt8(0);
  const length = header.readUInt32LE(1);
  if ((letter !== MESSAGE && letter !== ROWS) || length > MAX_PAYLOAD_BYTES) throw new Error("not a frame");
  return { kind: letter === MESSAGE ? "message" : "rows", length };
}
