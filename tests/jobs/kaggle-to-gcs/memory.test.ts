import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { syntheticDataset } from "../../../local/kaggle/synthetic-dataset.ts";
import { type JobProcess, type Lane, startLane } from "../start-lane.ts";

const MIB = 1024 * 1024;

let lane: Lane;
beforeAll(async () => {
  lane = await startLane();
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

describe.runIf(process.platform === "linux")("the memory of a transfer", () => {
  it.each([64, 512])("stays under 160 MiB for an archive of %d MiB", async (mebibytes) => {
    const ref = `synthetic/memory-${mebibytes}`;
    lane.kaggle.addDataset(syntheticDataset({ ref, bytes: mebibytes * MIB }));
    const { run } = await lane.enqueue({ metadata: { kaggle_ref: ref } });
    const peak = await watchMemory(await lane.launch(run));
    expect(peak).toBeGreaterThan(32 * MIB);
    expect(peak).toBeLessThan(160 * MIB);
  });
});
