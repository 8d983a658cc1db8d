import { JobFailure } from "../../job-failure.ts";
import { mapAhead } from "../map-ahead.ts";
import type { ResultFile } from "../result-file.ts";
import { NUMBER_BYTES, type NumberType } from "./number-types.ts";
import { openMean, type RunningMean } from "./running-mean.ts";
import type { Weights } from "./weights.ts";

/** Numbers in a row that every result has. */
export interface Stretch {
  /** The tensor's. */
  name: string;
  type: NumberType;
  elements: number;
  /** The byte where it begins, for each result. */
  starts: number[];
}

/** Some of a stretch. */
interface Slice {
  stretch: Stretch;
  from: number;
  count: number;
}

/** What is in memory does not depend on the number of results, nor on the size of a model. */
const WINDOW_ELEMENTS = 512 * 1024;
const READS_AT_ONCE = 6;
/** Reading so many bytes for nothing costs less than one more request. */
const TOLERATED_GAP = 64 * 1024;
const LARGEST_READ = 8 * 1024 * 1024;

/**
 * Averages stretches and gives the bytes of the means in their order, in pieces that each belong to one stretch. Every
 * result is read once, side by side with the others; those that weigh nothing are not read at all.
 */
export async function* averageStretches(
  stretches: Iterable<Stretch>,
  results: ResultFile[],
  weights: Weights,
): AsyncGenerator<Uint8Array> {
  const counted = results.flatMap((result, index) => {
    const weight = weights.whole[index] ?? 0;
    return weight > 0 ? [{ result, index, weight }] : [];
  });
  function* planReads() {
    for (const slices of planWindows(stretches)) for (const model of counted) yield { slices, model };
  }
  const reads = mapAhead(planReads(), READS_AT_ONCE, async ({ slices, model }) => ({
    slices,
    model,
    pieces: await readSlices(slices, model.result, model.index),
  }));

  let means: RunningMean[] = [];
  for await (const { slices, model, pieces } of reads) {
    if (model === counted[0]) means = slices.map(({ stretch, count }) => openMean(stretch.type, count, weights.total));
    for (const [index, mean] of means.entries()) {
      if (!mean.add(pieces[index] ?? new ArrayBuffer(0), model.weight))
        throw undecided(slices[index]?.stretch.name, model.result);
    }
    if (model === counted.at(-1)) for (const mean of means) yield mean.finish();
  }
}

/** Cuts stretches into slices, and gathers those into windows. */
function* planWindows(stretches: Iterable<Stretch>): Generator<Slice[]> {
  let window: Slice[] = [];
  let room = WINDOW_ELEMENTS;
  for (const stretch of stretches) {
    for (let from = 0; from < stretch.elements; ) {
      const count = Math.min(stretch.elements - from, room);
      window.push({ stretch, from, count });
      from += count;
      room -= count;
      if (room > 0) continue;
      yield window;
      window = [];
      room = WINDOW_ELEMENTS;
    }
  }
  if (window.length > 0) yield window;
}

/** Each slice's bytes in one result; neighbours are read together. */
async function readSlices(slices: Slice[], { source }: ResultFile, index: number): Promise<ArrayBuffer[]> {
  const ranges = slices.map(({ stretch, from, count }, position) => {
    const bytes = NUMBER_BYTES[stretch.type];
    const start = (stretch.starts[index] ?? 0) + from * bytes;
    return { position, start, end: start + count * bytes };
  });
  const pieces: ArrayBuffer[] = new Array(slices.length);
  for (const group of joinNeighbours(ranges)) {
    const bytes = await source.read(group.start, group.end);
    for (const { position, start, end } of group.ranges) {
      // A copy, so that numbers are aligned to their size wherever they lay.
      const piece = new Uint8Array(end - start);
      piece.set(bytes.subarray(start - group.start, end - group.start));
      pieces[position] = piece.buffer;
    }
  }
  return pieces;
}

interface Range {
  position: number;
  start: number;
  end: number;
}

function joinNeighbours(ranges: Range[]): { start: number; end: number; ranges: Range[] }[] {
  const groups: { start: number; end: number; ranges: Range[] }[] = [];
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = groups.at(-1);
    const near = last !== undefined && range.start - last.end <= TOLERATED_GAP;
    if (near && range.end - last.start <= LARGEST_READ) {
      last.end = Math.max(last.end, range.end);
      last.ranges.push(range);
    } else groups.push({ start: range.start, end: range.end, ranges: [range] });
  }
  return groups;
}

function undecided(name: string | undefined, { label }: ResultFile): JobFailure {
  return new JobFailure(
    "results_differ",
    `Cannot average ${JSON.stringify(name)}: truth values have no mean, and those of ${label} differ from those of the results before it.`,
  );
}
