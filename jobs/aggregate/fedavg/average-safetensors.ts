import { JobFailure } from "../../job-failure.ts";
import type { Combined } from "../combined.ts";
import { mapAhead } from "../map-ahead.ts";
import type { ResultFile } from "../result-file.ts";
import { averageStretches, type Stretch } from "./average-stretches.ts";
import { NUMBER_BYTES } from "./number-types.ts";
import { LENGTH_BYTES, readSafetensors, type Safetensors, type StoredTensor } from "./read-safetensors.ts";
import type { Weights } from "./weights.ts";

const HEADERS_AT_ONCE = 8;

/** The mean of safetensors files: the names, shapes, types and order of the first, which all must have in common. */
export async function averageSafetensors(results: ResultFile[], weights: Weights): Promise<Combined> {
  let first: Safetensors | undefined;
  let metadata = new Map<string, string>();
  const stretches = new Map<string, Stretch>();
  for await (const { result, file } of mapAhead(results, HEADERS_AT_ONCE, async (result) => ({
    result,
    file: await readSafetensors(result),
  }))) {
    if (first === undefined) {
      first = file;
      metadata = new Map(file.metadata);
      for (const [name, { type, elements }] of file.tensors) stretches.set(name, { name, type, elements, starts: [] });
    }
    requireSameTensors(first, file, results[0]?.label ?? "", result);
    for (const [name, stretch] of stretches) stretch.starts.push(file.tensors.get(name)?.start ?? 0);
    for (const [key, text] of metadata) if (file.metadata.get(key) !== text) metadata.delete(key);
  }
  const tensors = first?.tensors ?? new Map<string, StoredTensor>();
  const header = writeHeader(tensors, metadata);
  return {
    extension: "safetensors",
    contentType: "application/octet-stream",
    content: (async function* () {
      yield header;
      yield* averageStretches(stretches.values(), results, weights);
    })(),
    details: () => ({
      format: "safetensors",
      tensors: tensors.size,
      parameters: [...tensors.values()].reduce((sum, { elements }) => sum + elements, 0),
    }),
  };
}

function requireSameTensors(first: Safetensors, file: Safetensors, firstLabel: string, { label }: ResultFile): void {
  const differ = (name: string, how: string) =>
    new JobFailure("results_differ", `Cannot average ${JSON.stringify(name)}: ${how}.`);
  for (const [name, expected] of first.tensors) {
    const found = file.tensors.get(name);
    if (found === undefined) throw differ(name, `${firstLabel} has it and ${label} does not`);
    if (found.type !== expected.type)
      throw differ(name, `it is of type ${expected.type} in ${firstLabel} and of type ${found.type} in ${label}`);
    if (found.shape.join() !== expected.shape.join())
      throw differ(name, `its shape is [${expected.shape}] in ${firstLabel} and [${found.shape}] in ${label}`);
  }
  for (const name of file.tensors.keys())
    if (!first.tensors.has(name)) throw differ(name, `${label} has it and ${firstLabel} does not`);
}

/** The header with its length, padded with spaces so that the data begins at a multiple of eight bytes. */
function writeHeader(tensors: Map<string, StoredTensor>, metadata: Map<string, string>): Buffer {
  let position = 0;
  const entries: [string, unknown][] = [];
  if (metadata.size > 0) entries.push(["__metadata__", Object.fromEntries(metadata)]);
  for (const [name, { type, shape, elements }] of tensors) {
    const end = position + elements * NUMBER_BYTES[type];
    entries.push([name, { dtype: type, shape, data_offsets: [position, end] }]);
    position = end;
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const header = Buffer.alloc(LENGTH_BYTES + Math.ceil(json.length / 8) * 8, " ");
  header.writeBigUInt64LE(BigInt(header.length - LENGTH_BYTES));
  json.copy(header, LENGTH_BYTES);
  return header;
}
