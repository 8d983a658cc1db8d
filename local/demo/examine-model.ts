import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";

const header = z.object({ weights: z.object({ dtype: z.literal("F64"), data_offsets: z.tuple([z.int(), z.int()]) }) });

/** The weights in a model file, as train.mjs and the aggregation write it. */
export function readWeights(file: Buffer): number[] {
  const headerEnd = 8 + Number(file.readBigUInt64LE(0));
  const [from, to] = header.parse(JSON.parse(file.toString("utf8", 8, headerEnd))).weights.data_offsets;
  return Array.from({ length: (to - from) / 8 }, (_, i) => file.readDoubleLE(headerEnd + from + 8 * i));
}

/** Trains on a whole file at once, with the script that the agents run on chunks of it. */
export async function trainOnAll(script: string, csv: string): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), "corral-whole-"));
  try {
    const data = join(folder, "data.csv");
    await writeFile(data, csv);
    await promisify(execFile)(process.execPath, [script], { cwd: folder, env: { CORRAL_DATA: data } });
    return readWeights(await readFile(join(folder, "model.safetensors")));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The coefficient of determination over the days that no training saw: 1 is perfect, 0 no better than the mean. */
export function examine(weights: number[], csv: string): number {
  const [head = "", ...lines] = csv.trim().split("\n");
  const names = head.split(",");
  const days = lines
    .map((line) => line.split(","))
    .filter((cells) => Number(cells[names.indexOf("date")]?.slice(8, 10)) % 5 === 0);
  const read = (name: string) => days.map((cells) => Number(cells[names.indexOf(name)]));
  const [lowest, rain, wind, highest] = [read("temp_min"), read("precipitation"), read("wind"), read("temp_max")];
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = weights;
  const mean = highest.reduce((total, value) => total + value, 0) / highest.length;
  let missed = 0;
  let spread = 0;
  for (const [i, value] of highest.entries()) {
    const guess = w0 + w1 * (lowest[i] ?? 0) + w2 * (rain[i] ?? 0) + w3 * (wind[i] ?? 0);
    missed += (value - guess) ** 2;
    spread += (value - mean) ** 2;
  }
  return 1 - missed / spread;
}
