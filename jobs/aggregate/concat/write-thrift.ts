import { type ThriftStruct, type ThriftValue, TYPE } from "./thrift.ts";

/** Writes what `readThrift` reads; a struct whose first fields are written already goes on after the last one's id. */
export function writeThrift(struct: ThriftStruct, lastId = 0): Buffer {
  const chunks: Uint8Array[] = [];
  writeStruct(struct, chunks, lastId);
  return Buffer.concat(chunks);
}

function writeStruct({ fields }: ThriftStruct, chunks: Uint8Array[], lastId = 0): void {
  let last = lastId;
  for (const [id, { type, value }] of fields) {
    const delta = id - last;
    if (delta > 0 && delta < 16) chunks.push(Buffer.of((delta << 4) | type));
    else chunks.push(Buffer.of(type), zigzag(BigInt(id)));
    last = id;
    if (type !== TYPE.true && type !== TYPE.false) writeValue(type, value, chunks);
  }
  chunks.push(Buffer.of(0));
}

function writeValue(type: number, value: ThriftValue, chunks: Uint8Array[]): void {
  if (typeof value === "boolean") chunks.push(Buffer.of(value ? TYPE.true : TYPE.false));
  else if (typeof value === "bigint") chunks.push(type === TYPE.byte ? Buffer.of(Number(value)) : zigzag(value));
  else if (value instanceof Uint8Array) {
    if (type === TYPE.binary) chunks.push(varint(BigInt(value.length)));
    chunks.push(value);
  } else if (value.kind === "struct") writeStruct(value, chunks);
  else if (value.kind === "list") {
    chunks.push(writeListHead(value.of, value.items.length));
    for (const item of value.items) writeValue(value.of, item, chunks);
  } else {
    chunks.push(varint(BigInt(value.entries.length)));
    if (value.entries.length > 0) chunks.push(Buffer.of(value.of));
    for (const [key, item] of value.entries) {
      writeValue(value.of >> 4, key, chunks);
      writeValue(value.of & 15, item, chunks);
    }
  }
}

/** What comes ahead of a list's items. */
export function writeListHead(of: number, length: number): Buffer {
  if (length < 15) return Buffer.of((length << 4) | of);
  return Buffer.concat([Buffer.of((15 << 4) | of), varint(BigInt(length))]);
}

function zigzag(value: bigint): Buffer {
  return varint(BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)));
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
