import { JobFailure } from "../../job-failure.ts";
import type { ResultFile } from "../result-file.ts";
import { countElements } from "./number-types.ts";
import { isKind, type PickleTensor, type PickleValue } from "./pickle-values.ts";

/** A view of a storage with all that matters for a mean. */
export interface TensorLeaf {
  kind: "tensor";
  name: string;
  type: PickleTensor["storage"]["type"];
  storage: string;
  shape: number[];
  strides: number[];
  /** The elements of the storage from the first to behind the last that the view can reach. */
  from: number;
  to: number;
}

/** What is no tensor: a value, or how much a container holds. */
export interface PlainLeaf {
  kind: "plain";
  name: string;
  value: string | number | bigint | boolean | null;
  /** Numbers may differ between results, since they count or measure what a task did. */
  mayDiffer: boolean;
}

export type Leaf = TensorLeaf | PlainLeaf;

const DEEPEST = 100;
/** A pickle may put the same list into a thousand places of a thousand places. */
const MOST_LEAVES = 300_000;

interface Node {
  value: PickleValue;
  path: string[];
  names: string[];
}

/** Takes what was saved apart into its leaves, by paths that no two of them share. */
export function flatten(root: PickleValue, result: ResultFile): Map<string, Leaf> {
  const refuse = (why: string) =>
    new JobFailure("result_unreadable", `Cannot average ${result.label}: what it saved ${why}.`);
  const leaves = new Map<string, Leaf>();
  const open: Node[] = [{ value: root, path: [], names: [] }];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (leaves.size === MOST_LEAVES) throw refuse(`has more than ${MOST_LEAVES} parts`);
    if (node.path.length > DEEPEST) throw refuse(`is nested more than ${DEEPEST} deep`);
    leaves.set(JSON.stringify(node.path), describe(node, refuse));
    for (const child of childrenOf(node).reverse()) open.push(child);
  }
  return leaves;
}

function describe({ value, names }: Node, refuse: (why: string) => JobFailure): Leaf {
  const name = names.join(" > ");
  if (isKind(value, "tensor")) return describeTensor(value, name, refuse);
  if (isKind(value, "global") || isKind(value, "storage")) throw refuse(`has a bare ${value.kind} in it (${name})`);
  if (isKind(value, "dict"))
    return { kind: "plain", name, value: `a dict of ${value.entries.size} entries`, mayDiffer: false };
  if (isKind(value, "list") || isKind(value, "tuple"))
    return { kind: "plain", name, value: `a ${value.kind} of ${value.items.length} items`, mayDiffer: false };
  return { kind: "plain", name, value, mayDiffer: typeof value === "number" || typeof value === "bigint" };
}

function childrenOf({ value, path, names }: Node): Node[] {
  if (isKind(value, "list") || isKind(value, "tuple"))
    return value.items.map((item, index) => ({
      value: item,
      path: [...path, `item ${index}`],
      names: [...names, String(index)],
    }));
  if (!isKind(value, "dict")) return [];
  const entries = [...value.entries].map(([id, { key, value }]) => ({
    value,
    path: [...path, id],
    names: [...names, key],
  }));
  const attributes = value.attributes.map((held, index) => ({
    value: held,
    path: [...path, `attributes ${index}`],
    names,
  }));
  return [...entries, ...attributes];
}

/** Refuses a view that reaches out of its storage, with or without an overflow on the way. */
function describeTensor(tensor: PickleTensor, name: string, refuse: (why: string) => JobFailure): TensorLeaf {
  const { storage, offset, shape, strides } = tensor;
  const elements = countElements(shape);
  const sound = [offset, ...strides].every((value) => Number.isSafeInteger(value) && value >= 0);
  if (elements === undefined || !sound || strides.length !== shape.length)
    throw refuse(`has a tensor ${JSON.stringify(name)} of impossible shape [${shape}]`);
  const reach = shape.reduce((sum, length, axis) => sum + (length - 1) * (strides[axis] ?? 0), 1);
  const to = elements === 0 ? offset : offset + reach;
  if (elements > 0 && !(to <= storage.elements))
    throw refuse(`has a tensor ${JSON.stringify(name)} that reaches out of its ${storage.elements} numbers`);
  return { kind: "tensor", name, type: storage.type, storage: storage.key, shape, strides, from: offset, to };
}
