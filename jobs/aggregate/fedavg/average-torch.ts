import type { Combined } from "../combined.ts";
import { mapAhead } from "../map-ahead.ts";
import type { ResultFile } from "../result-file.ts";
import { averageStretches } from "./average-stretches.ts";
import { matchTorch, planRegions, type Region } from "./match-torch.ts";
import { NUMBER_BYTES } from "./number-types.ts";
import { readTorch, type TorchFile } from "./read-torch.ts";
import type { Weights } from "./weights.ts";
import { type NewRecord, writeZip } from "./zip-writer.ts";

const FILES_AT_ONCE = 4;
/** How many names of numbers are listed that were taken from the first result. */
const MOST_NAMES = 20;
const ZEROS = Buffer.alloc(64 * 1024);

/**
 * The mean of what torch.save wrote: the first result with its pickle as it is and its storages replaced by their means,
 * a shared one once. Numbers outside of tensors, such as an epoch, are the first's.
 */
export async function averageTorch(results: ResultFile[], weights: Weights): Promise<Combined> {
  let first: { file: TorchFile; result: ResultFile } | undefined;
  let regions = new Map<string, Region[]>();
  const taken = new Set<string>();
  for await (const { result, file } of mapAhead(results, FILES_AT_ONCE, async (result) => ({
    result,
    file: await readTorch(result),
  }))) {
    if (first === undefined) {
      first = { file, result };
      regions = planRegions(file);
    }
    matchTorch(first, { file, result }, regions);
    noteDifferences(first.file, file, taken);
  }
  if (first === undefined) throw new Error("nothing to average");
  const { folder, pickle, storages } = first.file;
  const averaged = averageStretches([...regions.values()].flat(), results, weights);
  const record = (name: string, content: Buffer): NewRecord => ({
    name: `${folder}/${name}`,
    bytes: content.length,
    content: [content],
  });
  const zip = writeZip([
    record("data.pkl", pickle),
    record(".format_version", Buffer.from("1")),
    record(".storage_alignment", Buffer.from("64")),
    record("byteorder", Buffer.from("little")),
    ...[...storages].map(([key, { type, elements }]) => ({
      name: `${folder}/data/${key}`,
      bytes: elements * NUMBER_BYTES[type],
      content: fillStorage(regions.get(key) ?? [], elements * NUMBER_BYTES[type], averaged),
    })),
    record("version", Buffer.from("3\n")),
  ]);
  const tensors = [...first.file.leaves.values()].filter(({ kind }) => kind === "tensor");
  return {
    extension: "pth",
    contentType: "application/octet-stream",
    content: zip,
    details: () => ({
      format: "pytorch",
      tensors: tensors.length,
      parameters: [...regions.values()].flat().reduce((sum, { elements }) => sum + elements, 0),
      taken_from_first: [...taken].slice(0, MOST_NAMES),
    }),
  };
}

/** A storage's bytes: the means of its regions, and zeros where no tensor reaches. */
async function* fillStorage(regions: Region[], bytes: number, averaged: AsyncGenerator<Uint8Array>) {
  let position = 0;
  for (const { from, elements, type } of regions) {
    yield* zeros(from * NUMBER_BYTES[type] - position);
    position = from * NUMBER_BYTES[type];
    for (const end = position + elements * NUMBER_BYTES[type]; position < end; ) {
      const piece = await averaged.next();
      if (piece.done) throw new Error("a region has no mean");
      position += piece.value.length;
      yield piece.value;
    }
  }
  yield* zeros(bytes - position);
}

function* zeros(bytes: number): Generator<Uint8Array> {
  for (let rest = bytes; rest > 0; rest -= ZEROS.length) yield ZEROS.subarray(0, Math.min(rest, ZEROS.length));
}

function noteDifferences(first: TorchFile, other: TorchFile, taken: Set<string>): void {
  for (const [id, leaf] of first.leaves) {
    const found = other.leaves.get(id);
    if (leaf.kind === "plain" && found?.kind === "plain" && !Object.is(leaf.value, found.value)) taken.add(leaf.name);
  }
}
