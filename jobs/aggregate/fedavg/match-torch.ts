import { JobFailure } from "../../job-failure.ts";
import type { ResultFile } from "../result-file.ts";
import type { Stretch } from "./average-stretches.ts";
import type { Leaf, PlainLeaf, TensorLeaf } from "./flatten.ts";
import { NUMBER_BYTES } from "./number-types.ts";
import type { TorchFile } from "./read-torch.ts";

/** Elements of a storage that tensors can reach, one after another without a gap. */
export interface Region extends Stretch {
  /** The first one's number in the storage. */
  from: number;
  tensors: { id: string; from: number }[];
}

/** The regions of a file's storages, in order, by the storages' keys; yet without any starts. */
export function planRegions(file: TorchFile): Map<string, Region[]> {
  const views = [...file.leaves].filter(
    (entry): entry is [string, TensorLeaf] => entry[1].kind === "tensor" && entry[1].to > entry[1].from,
  );
  const regions = new Map<string, Region[]>([...file.storages.keys()].map((key) => [key, []]));
  for (const [id, { name, type, storage, from, to }] of views.toSorted(([, a], [, b]) => a.from - b.from)) {
    const sorted = regions.get(storage);
    const last = sorted?.at(-1);
    if (last !== undefined && from < last.from + last.elements) {
      last.elements = Math.max(last.elements, to - last.from);
      last.tensors.push({ id, from });
    } else sorted?.push({ name, type, elements: to - from, starts: [], from, tensors: [{ id, from }] });
  }
  return regions;
}

/** Finds the places of all regions in one more file, which must have saved the same as the first. */
export function matchTorch(
  first: { file: TorchFile; result: ResultFile },
  other: { file: TorchFile; result: ResultFile },
  regions: Map<string, Region[]>,
): void {
  const differ = (name: string, how: string) =>
    new JobFailure("results_differ", `Cannot average ${JSON.stringify(name)}: ${how}.`);
  const labels = [first.result.label, other.result.label] as const;
  for (const [id, expected] of first.file.leaves) {
    const found = other.file.leaves.get(id);
    if (found === undefined) throw differ(expected.name, `${labels[0]} has it and ${labels[1]} does not`);
    const how = describeDifference(expected, found, ...labels);
    if (how !== undefined) throw differ(expected.name, how);
  }
  for (const [id, { name }] of other.file.leaves)
    if (!first.file.leaves.has(id)) throw differ(name, `${labels[1]} has it and ${labels[0]} does not`);

  for (const region of [...regions.values()].flat()) {
    const places = region.tensors.map(({ id, from }) => placeOf(other.file, id, region.from - from, region));
    const [place] = places;
    if (place === undefined || places.some((one) => one !== place))
      throw differ(region.name, `it shares its memory with other tensors in ${labels[0]}, and not so in ${labels[1]}`);
    region.starts.push(place);
  }
}

/** Where a region begins in a file, going by one of its tensors; undefined when it does not fit into that storage. */
function placeOf({ leaves, storages }: TorchFile, id: string, offset: number, region: Region): number | undefined {
  const leaf = leaves.get(id);
  const storage = leaf?.kind === "tensor" ? storages.get(leaf.storage) : undefined;
  if (leaf?.kind !== "tensor" || storage === undefined) return undefined;
  const from = leaf.from + offset;
  if (from < 0 || from + region.elements > storage.elements) return undefined;
  return storage.start + from * NUMBER_BYTES[region.type];
}

function describeDifference(a: Leaf, b: Leaf, inA: string, inB: string): string | undefined {
  if (a.kind === "tensor" && b.kind === "tensor") return describeTensors(a, b, inA, inB);
  if (a.kind === "plain" && b.kind === "plain") {
    if (isSame(a, b)) return undefined;
    return `it is ${show(a)} in ${inA} and ${show(b)} in ${inB}`;
  }
  return `it is ${a.kind === "tensor" ? "a" : "no"} tensor in ${inA} and ${b.kind === "tensor" ? "a" : "no"} tensor in ${inB}`;
}

function describeTensors(a: TensorLeaf, b: TensorLeaf, inA: string, inB: string): string | undefined {
  if (a.type !== b.type) return `it is of type ${a.type} in ${inA} and of type ${b.type} in ${inB}`;
  if (a.shape.join() !== b.shape.join()) return `its shape is [${a.shape}] in ${inA} and [${b.shape}] in ${inB}`;
  // A side of one element is never stepped along.
  const alike = a.shape.every((length, axis) => length < 2 || a.strides[axis] === b.strides[axis]);
  if (alike || a.from === a.to) return undefined;
  return `its elements are in another order in ${inA} (strides [${a.strides}]) than in ${inB} ([${b.strides}]); save it contiguous`;
}

function isSame(a: PlainLeaf, b: PlainLeaf): boolean {
  return Object.is(a.value, b.value) || (a.mayDiffer && b.mayDiffer);
}

function show({ value }: PlainLeaf): string {
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
