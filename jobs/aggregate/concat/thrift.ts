/**
 * Thrift's compact protocol (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md) without
 * any schema: what is read can be written again byte by byte, fields of later versions included.
 */
export type ThriftValue = boolean | bigint | Uint8Array | ThriftList | ThriftMap | ThriftStruct;

export interface ThriftList {
  kind: "list";
  of: number;
  items: ThriftValue[];
}

export interface ThriftMap {
  kind: "map";
  /** The types of keys and values, in a byte. */
  of: number;
  entries: [ThriftValue, ThriftValue][];
}

export interface ThriftStruct {
  kind: "struct";
  /** By their ids, in the order in which they were written. */
  fields: Map<number, ThriftField>;
}

export interface ThriftField {
  type: number;
  value: ThriftValue;
}

export const TYPE = {
  true: 1,
  false: 2,
  byte: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  map: 11,
  struct: 12,
  uuid: 13,
} as const;
