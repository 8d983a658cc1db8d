import { crc32 } from "@node-rs/crc32";

/** A record to be written; its size is known before its content. */
export interface NewRecord {
  name: string;
  bytes: number;
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** torch.load maps records into memory, where numbers want to begin at a multiple of this. */
const ALIGNMENT = 64;
const LOCAL_BYTES = 30;
const MAX_16 = 0xffff;
const MAX_32 = 0xffffffff;
/** The checksum follows the content; names are UTF-8. */
const FLAGS = 0x0808;
const PADDING_FIELD = 0x4246;
const ZIP64_FIELD = 0x0001;

interface Written {
  name: string;
  bytes: number;
  position: number;
  checksum: number;
}

/**
 * A ZIP archive of stored records as torch.save lays it out: contents aligned, checksums behind them, times of zero, so
 * that the same content gives the same bytes.
 */
export async function* writeZip(records: Iterable<NewRecord>): AsyncGenerator<Uint8Array> {
  const written: Written[] = [];
  let position = 0;
  for (const { name, bytes, content } of records) {
    const header = writeLocalHeader(name, bytes, position);
    yield header;
    let checksum = 0;
    let count = 0;
    for await (const piece of content) {
      checksum = crc32(piece, checksum);
      count += piece.length;
      yield piece;
    }
    if (count !== bytes) throw new Error(`${name} has ${count} bytes instead of ${bytes}`);
    const descriptor = writeDescriptor(checksum, bytes);
    yield descriptor;
    written.push({ name, bytes, position, checksum });
    position += header.length + bytes + descriptor.length;
  }
  yield* writeDirectory(written, position);
}

function writeLocalHeader(name: string, bytes: number, position: number): Buffer {
  const fileName = Buffer.from(name);
  const zip64 = isLarge(bytes) ? writeField(ZIP64_FIELD, [0, 0]) : Buffer.alloc(0);
  const before = position + LOCAL_BYTES + fileName.length + zip64.length + 4;
  const padding = Buffer.alloc(4 + ((ALIGNMENT - (before % ALIGNMENT)) % ALIGNMENT), "Z");
  padding.writeUInt16LE(PADDING_FIELD, 0);
  padding.writeUInt16LE(padding.length - 4, 2);
  const header = Buffer.alloc(LOCAL_BYTES);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(isLarge(bytes) ? 45 : 0, 4);
  header.writeUInt16LE(FLAGS, 6);
  if (isLarge(bytes)) {
    header.writeUInt32LE(MAX_32, 18);
    header.writeUInt32LE(MAX_32, 22);
  }
  header.writeUInt16LE(fileName.length, 26);
  header.writeUInt16LE(zip64.length + padding.length, 28);
  return Buffer.concat([header, fileName, zip64, padding]);
}

function writeDescriptor(checksum: number, bytes: number): Buffer {
  const descriptor = Buffer.alloc(isLarge(bytes) ? 24 : 16);
  descriptor.writeUInt32LE(0x08074b50, 0);
  descriptor.writeUInt32LE(checksum, 4);
  if (isLarge(bytes)) {
    descriptor.writeBigUInt64LE(BigInt(bytes), 8);
    descriptor.writeBigUInt64LE(BigInt(bytes), 16);
  } else {
    descriptor.writeUInt32LE(bytes, 8);
    descriptor.writeUInt32LE(bytes, 12);
  }
  return descriptor;
}

/** The central directory and what ends the archive. */
function* writeDirectory(written: Written[], start: number): Generator<Uint8Array> {
  const entries = written.map(writeEntry);
  const size = entries.reduce((sum, entry) => sum + entry.length, 0);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Math.min(written.length, MAX_16), 8);
  end.writeUInt16LE(Math.min(written.length, MAX_16), 10);
  end.writeUInt32LE(Math.min(size, MAX_32), 12);
  end.writeUInt32LE(Math.min(start, MAX_32), 16);
  const needed = written.length >= MAX_16 || isLarge(size) || isLarge(start);
  yield Buffer.concat(entries);
  if (needed) yield writeZip64End(written.length, size, start);
  yield end;
}

function writeEntry({ name, bytes, position, checksum }: Written): Buffer {
  const fileName = Buffer.from(name);
  const large = [...(isLarge(bytes) ? [bytes, bytes] : []), ...(isLarge(position) ? [position] : [])];
  const extra = large.length > 0 ? writeField(ZIP64_FIELD, large) : Buffer.alloc(0);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt16LE(large.length > 0 ? 45 : 0, 6);
  entry.writeUInt16LE(FLAGS, 8);
  entry.writeUInt32LE(checksum, 16);
  entry.writeUInt32LE(Math.min(bytes, MAX_32), 20);
  entry.writeUInt32LE(Math.min(bytes, MAX_32), 24);
  entry.writeUInt16LE(fileName.length, 28);
  entry.writeUInt16LE(extra.length, 30);
  entry.writeUInt32LE(Math.min(position, MAX_32), 42);
  return Buffer.concat([entry, fileName, extra]);
}

function writeZip64End(count: number, size: number, start: number): Buffer {
  const end = Buffer.alloc(56 + 20);
  end.writeUInt32LE(0x06064b50, 0);
  end.writeBigUInt64LE(44n, 4);
  end.writeUInt16LE(45, 12);
  end.writeUInt16LE(45, 14);
  end.writeBigUInt64LE(BigInt(count), 24);
  end.writeBigUInt64LE(BigInt(count), 32);
  end.writeBigUInt64LE(BigInt(size), 40);
  end.writeBigUInt64LE(BigInt(start), 48);
  end.writeUInt32LE(0x07064b50, 56);
  end.writeBigUInt64LE(BigInt(start + size), 64);
  end.writeUInt32LE(1, 72);
  return end;
}

function writeField(id: number, values: number[]): Buffer {
  const field = Buffer.alloc(4 + 8 * values.length);
  field.writeUInt16LE(id, 0);
  field.writeUInt16LE(8 * values.length, 2);
  for (const [index, value] of values.entries()) field.writeBigUInt64LE(BigInt(value), 4 + 8 * index);
  return field;
}

function isLarge(value: number): boolean {
  return value >= MAX_32;
}
