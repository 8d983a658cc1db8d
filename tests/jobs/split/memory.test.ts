import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JobProcess } from "../start-lane.ts";
import { type SplitLane, startSplitLane } from "./start-split-lane.ts";

const MIB = 1024 * 1024;

let lane: SplitLane;
beforeAll(async () => {
  lane = await startSplitLane();
});
afterAll(() => lane.close());

/** The most memory that a process held, in bytes, as Linux last told before its end. */
async function watchMemory({ child, exit }: JobProcess): Promise<number> {
  let peak = 0;
  const timer = setInterval(() => {
    // Between its end and the end's notice a process has no memory to tell of.
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8")) ?? [];
    peak = Math.max(peak, Number(kilobytes ?? 0) * 1024);
  }, 20);
  child.once("exit", () => clearInterval(timer));
  expect(await exit).toMatchObject({ code: 0 });
  return peak;
}

/** Text of about so many bytes, with quotes and newlines in it. */
function* makeCsv(bytes: number): Generator<Buffer> {
  yield Buffer.from("id,place,value,note\n");
  const rows = Array.from({ length: 5000 }, (_, row) => `${row},"Seattle, WA",${row / 7},"two\nlines"\n`);
  const block = Buffer.from(rows.join(""));
  for (let made = 0; made < bytes; made += block.length) yield block;
}

async function measure(name: string): Promise<number> {
  const { job, run } = await lane.enqueueSplit(`gs://${lane.bucket.name}/raw/${name}`, { chunks: 5 });
  const peak = await watchMemory(await lane.launch(run, "split"));
  expect(await lane.listTasks(job)).toHaveLength(5);
  expect(peak).toBeGreaterThan(32 * MIB);
  return peak;
}

const sink = (name: string) =>
  lane.bucket.file(`raw/${name}`).createWriteStream({ resumable: false, validation: false });

describe.runIf(process.platform === "linux")("the memory of a split", () => {
  it.each([32, 320])("stays under 240 MiB for a CSV file of %d MiB", async (mebibytes) => {
    const name = `${mebibytes}.csv`;
    await pipeline(Readable.from(makeCsv(mebibytes * MIB)), sink(name));
    expect(await measure(name)).toBeLessThan(240 * MIB);
  });

  it("stays under 240 MiB for 320 MiB of CSV in gzip", async () => {
    await pipeline(Readable.from(makeCsv(320 * MIB)), createGzip({ level: 1 }), sink("320.csv.gz"));
    expect(await measure("320.csv.gz")).toBeLessThan(240 * MIB);
  });

  it("stays under 320 MiB for a Parquet file whose row groups are larger than that in memory", async () => {
    const rows = 700_000;
    const numbers = Float64Array.from({ length: rows }, (_, row) => row / 7);
    const columnData = ["a", "b", "c", "d", "e", "f"].map((name) => ({ name, data: numbers, nullable: false }));
    await lane.store("large.parquet", new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: rows })));
    expect(await measure("large.parquet")).toBeLessThan(320 * MIB);
  });
});
