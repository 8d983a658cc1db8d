import {
  type ThriftField,
  type ThriftList,
  type ThriftMap,
  type ThriftStruct,
  type ThriftValue,
  TYPE,
} from "./thrift.ts";

const DEEPEST = 32;

/** Reads one struct; throws when the bytes are none, or are nested as no real one is. */
export function readThrift(bytes: Buffer): ThriftStruct {
  return new ThriftReader(bytes).struct(0);
}

class ThriftReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  struct(depth: number): ThriftStruct {
    if (depth > DEEPEST) throw new Error("it is nested too deep");
    const fields = new Map<number, ThriftField>();
    let id = 0;
    for (let head = this.#byte(); head !== 0; head = this.#byte()) {
      const type = head & 15;
      const delta = head >> 4;
      id = delta === 0 ? Number(this.#zigzag()) : id + delta;
      if (fields.has(id)) throw new Error(`it has the field ${id} twice`);
      const value = type === TYPE.true ? true : type === TYPE.false ? false : this.#value(type, depth);
      fields.set(id, { type, value });
    }
    return { kind: "struct", fields };
  }

  #value(type: number, depth: number): ThriftValue {
    switch (type) {
      // Inside of a list, where the type does not tell which.
      case TYPE.true:
      case TYPE.false:
        return this.#byte() === TYPE.true;
      case TYPE.byte:
        return BigInt(this.#byte());
      case TYPE.i16:
      case TYPE.i32:
      case TYPE.i64:
        return this.#zigzag();
      case TYPE.double:
        return this.#take(8);
      case TYPE.uuid:
        return this.#take(16);
      case TYPE.binary:
        return this.#take(this.#size());
      case TYPE.list:
      case TYPE.set:
        return this.#list(depth);
      case TYPE.map:
        return this.#map(depth);
      case TYPE.struct:
        return this.struct(depth + 1);
      default:
        throw new Error(`it has a field of unknown type ${type}`);
    }
  }

  #list(depth: number): ThriftList {
    if (depth > DEEPEST) throw new Error("it is nested too deep");
    const head = this.#byte();
    const of = head & 15;
    const size = head >> 4 === 15 ? this.#size() : head >> 4;
    const items: ThriftValue[] = [];
    for (let index = 0; index < size; index++) items.push(this.#value(of, depth + 1));
    return { kind: "list", of, items };
  }

  #map(depth: number): ThriftMap {
    if (depth > DEEPEST) throw new Error("it is nested too deep");
    const size = this.#size();
    const of = size === 0 ? 0 : this.#byte();
    const entries: [ThriftValue, ThriftValue][] = [];
    for (let index = 0; index < size; index++)
      entries.push([this.#value(of >> 4, depth + 1), this.#value(of & 15, depth + 1)]);
    return { kind: "map", of, entries };
  }

  /** Of something that has at least a byte per element. */
  #size(): number {
    const size = this.#varint();
    if (size > BigInt(this.#bytes.length - this.#at)) throw new Error("it promises more than it has");
    return Number(size);
  }

  #zigzag(): bigint {
    const value = this.#varint();
    return (value >> 1n) ^ -(value & 1n);
  }

  #varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw new Error("it has a number that is too long");
  }

  #byte(): number {
    return this.#take(1)[0] ?? 0;
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new Error("it ends too early");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
