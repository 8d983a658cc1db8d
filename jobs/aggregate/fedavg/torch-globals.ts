import { JobFailure } from "../../job-failure.ts";
import type { ResultFile } from "../result-file.ts";
import type { NumberType } from "./number-types.ts";
import { isKind, type PickleStorage, type PickleValue } from "./pickle-values.ts";

/** The storage classes by their types of numbers. */
const STORAGES = new Map<string, NumberType>([
  ["torch.DoubleStorage", "F64"],
  ["torch.FloatStorage", "F32"],
  ["torch.HalfStorage", "F16"],
  ["torch.BFloat16Storage", "BF16"],
  ["torch.LongStorage", "I64"],
  ["torch.IntStorage", "I32"],
  ["torch.ShortStorage", "I16"],
  ["torch.CharStorage", "I8"],
  ["torch.ByteStorage", "U8"],
  ["torch.BoolStorage", "BOOL"],
]);

const ORDERED_DICT = "collections.OrderedDict";
const SIZE = "torch.Size";
const REBUILD_TENSOR = "torch._utils._rebuild_tensor_v2";
const REBUILD_PARAMETER = "torch._utils._rebuild_parameter";
const CALLABLE = [ORDERED_DICT, SIZE, REBUILD_TENSOR, REBUILD_PARAMETER];

/** Refuses every name that a file of weights has no need of. Nothing is ever looked up by a name, nor called. */
export function requireKnownGlobal(name: string, { label }: ResultFile): void {
  if (CALLABLE.includes(name) || STORAGES.has(name)) return;
  // Harmless, but of a kind that has no mean here.
  if (/^torch\.(storage\.)?\w+Storage$|^torch\._utils\._rebuild_\w+$/.test(name))
    throw new JobFailure(
      "results_not_averageable",
      `Cannot average ${label}: it holds tensors of a kind that is not supported (${name}). Save dense tensors of float, integer or bool type.`,
    );
  throw new JobFailure(
    "unsafe_pickle",
    `Cannot average ${label}: its pickle names ${name}, which is not needed for weights and is not executed. Save a state dict of tensors, numbers and texts.`,
  );
}

/** What calling one of the known names with these arguments stands for; undefined when it never is called like that. */
export function rebuild(name: string, args: PickleValue[]): PickleValue | undefined {
  const [first] = args;
  switch (name) {
    case ORDERED_DICT:
      if (args.length > 0) return undefined;
      return { kind: "dict", isOrdered: true, entries: new Map(), attributes: [] };
    case SIZE:
      return args.length === 1 && isKind(first, "tuple") ? first : undefined;
    case REBUILD_PARAMETER:
      return isKind(first, "tensor") ? first : undefined;
    case REBUILD_TENSOR:
      return rebuildTensor(args);
    default:
      return undefined;
  }
}

/** `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks)`; a seventh argument says more. */
function rebuildTensor([storage, offset, size, stride, , , ...more]: PickleValue[]): PickleValue | undefined {
  const shape = toNumbers(size);
  const strides = toNumbers(stride);
  if (!isKind(storage, "storage") || typeof offset !== "number" || !shape || !strides || more.length > 0)
    return undefined;
  return { kind: "tensor", storage, offset, shape, strides };
}

function toNumbers(value: PickleValue | undefined): number[] | undefined {
  if (!isKind(value, "tuple")) return undefined;
  const numbers = value.items.filter((item) => typeof item === "number");
  return numbers.length === value.items.length ? numbers : undefined;
}

/** The storage that a persistent id `("storage", class, key, location, elements)` names; undefined when it names none. */
export function toStorage(id: PickleValue): PickleStorage | undefined {
  if (!isKind(id, "tuple")) return undefined;
  const [tag, group, key, , elements] = id.items;
  if (tag !== "storage" || !isKind(group, "global") || typeof key !== "string") return undefined;
  const type = STORAGES.get(group.name);
  if (type === undefined || typeof elements !== "number" || !Number.isSafeInteger(elements) || elements < 0)
    return undefined;
  return { kind: "storage", type, key, elements };
}
