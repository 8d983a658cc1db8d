import { z } from "zod";
import { JobFailure } from "../../job-failure.ts";
import type { ResultFile } from "../result-file.ts";
import { countElements, isNumberType, NUMBER_BYTES, type NumberType } from "./number-types.ts";

/** A tensor in a file; `start` counts from the file's beginning. */
export interface StoredTensor {
  type: NumberType;
  shape: number[];
  elements: number;
  start: number;
}

export interface Safetensors {
  /** In the order of their data. */
  tensors: Map<string, StoredTensor>;
  metadata: Map<string, string>;
}

/** The header's length, ahead of the header. */
export const LENGTH_BYTES = 8;
/** As the format's own library limits it. */
const LARGEST_HEADER = 100_000_000;

const offset = z.number().int().nonnegative();
const tensorEntry = z.object({
  dtype: z.string(),
  shape: z.array(offset),
  data_offsets: z.tuple([offset, offset]),
});
const metadataEntry = z.record(z.string(), z.string());

/** Reads a file's header (https://github.com/huggingface/safetensors#format), and believes nothing that it says. */
export async function readSafetensors(result: ResultFile): Promise<Safetensors> {
  const { source } = result;
  const refuse = (why: string) =>
    new JobFailure("result_unreadable", `The result of ${result.label} is no sound safetensors file: ${why}.`);
  if (source.size < LENGTH_BYTES) throw refuse("it is shorter than its header's length");
  const length = Number((await source.read(0, LENGTH_BYTES)).readBigUInt64LE());
  if (length > LARGEST_HEADER || LENGTH_BYTES + length > source.size)
    throw refuse(`its header is said to have ${length} bytes, and the file has ${source.size}`);
  const dataStart = LENGTH_BYTES + length;
  const header = parseObject(await source.read(LENGTH_BYTES, dataStart));
  if (header === undefined) throw refuse("its header is no JSON object");

  const metadata = new Map<string, string>();
  const tensors: [string, StoredTensor, end: number][] = [];
  for (const [name, value] of header) {
    if (name === "__metadata__") {
      const { data } = metadataEntry.safeParse(value);
      if (data === undefined) throw refuse("its metadata is more than texts");
      for (const [key, text] of Object.entries(data)) metadata.set(key, text);
      continue;
    }
    const { data } = tensorEntry.safeParse(value);
    if (data === undefined) throw refuse(`the entry of ${JSON.stringify(name)} is none of a tensor`);
    const { dtype, shape } = data;
    if (!isNumberType(dtype)) throw unsupported(name, dtype, result);
    const [start, end] = data.data_offsets;
    const elements = countElements(shape);
    if (elements === undefined || elements * NUMBER_BYTES[dtype] !== end - start)
      throw refuse(`${JSON.stringify(name)} of shape [${shape}] does not have the ${end - start} bytes it is given`);
    tensors.push([name, { type: dtype, shape, elements, start: dataStart + start }, dataStart + end]);
  }
  tensors.sort(([, a, aEnd], [, b, bEnd]) => a.start - b.start || aEnd - bEnd);
  requireSeamless(tensors, dataStart, source.size, refuse);
  return { tensors: new Map(tensors.map(([name, tensor]) => [name, tensor])), metadata };
}

/** The format allows neither gaps nor overlaps: every byte belongs to one tensor. */
function requireSeamless(
  tensors: [name: string, StoredTensor, end: number][],
  dataStart: number,
  size: number,
  refuse: (why: string) => JobFailure,
): void {
  let position = dataStart;
  for (const [name, { start }, end] of tensors) {
    if (start !== position) throw refuse(`${JSON.stringify(name)} does not begin where the tensor before it ends`);
    position = end;
  }
  if (position !== size) throw refuse(`its tensors end at byte ${position}, and the file has ${size}`);
}

/** The entries of a JSON object in UTF-8; undefined when it is none. */
function parseObject(bytes: Buffer): [string, unknown][] | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return Object.entries(value);
  } catch {
    return undefined;
  }
}

function unsupported(name: string, dtype: string, { label }: ResultFile): JobFailure {
  return new JobFailure(
    "results_not_averageable",
    `Cannot average ${JSON.stringify(name)} of ${label}: numbers of type ${dtype} are not supported. Save it as one of ${Object.keys(NUMBER_BYTES).join(", ")}.`,
  );
}
