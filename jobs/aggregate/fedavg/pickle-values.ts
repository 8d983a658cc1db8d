import type { NumberType } from "./number-types.ts";

/** What a pickle of weights may hold: plain data, and tensors that point into storages. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickleTuple
  | PickleList
  | PickleDict
  | PickleTensor
  | PickleStorage
  | PickleGlobal;

export interface PickleTuple {
  kind: "tuple";
  items: PickleValue[];
}

export interface PickleList {
  kind: "list";
  items: PickleValue[];
}

export interface PickleDict {
  kind: "dict";
  isOrdered: boolean;
  /** By the key's identity, which tells 1 from "1". */
  entries: Map<string, { key: string; value: PickleValue }>;
  /** Attributes of an OrderedDict, such as a state dict's `_metadata`. */
  attributes: PickleValue[];
}

/** A record of the archive. */
export interface PickleStorage {
  kind: "storage";
  type: NumberType;
  key: string;
  elements: number;
}

/** A view of a storage; offset and strides count elements. */
export interface PickleTensor {
  kind: "tensor";
  storage: PickleStorage;
  offset: number;
  shape: number[];
  strides: number[];
}

/** A class or a function that was named; a name is all it ever is. */
export interface PickleGlobal {
  kind: "global";
  name: string;
}

export function isKind<K extends "tuple" | "list" | "dict" | "tensor" | "storage" | "global">(
  value: PickleValue | undefined,
  kind: K,
): value is Extract<PickleValue, { kind: K }> {
  return typeof value === "object" && value !== null && value.kind === kind;
}
