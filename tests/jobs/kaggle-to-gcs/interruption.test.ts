import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { syntheticDataset } from "../../../local/kaggle/synthetic-dataset.ts";
import { type JobProcess, type Lane, startLane } from "../start-lane.ts";

const MIB = 1024 * 1024;
const BYTES = 24 * MIB;
const TRANSFER = { TRANSFER_CONNECTIONS: "2", TRANSFER_PART_BYTES: String(2 * MIB) };
/** A transfer takes about two seconds at this rate: long enough to be interrupted. */
const SLOW = { kind: "slow", bytesPerSecond: 6_000_000 } as const;

let lane: Lane;
let count = 0;
beforeAll(async () => {
  lane = await startLane();
});
afterEach(() => lane.kaggle.faults.clear());
afterAll(() => lane.close());

async function enqueueSlow() {
  const ref = `synthetic/interrupted-${++count}`;
  lane.kaggle.addDataset(syntheticDataset({ ref, bytes: BYTES }));
  lane.kaggle.faults.add({ on: "blob", ref, times: null, fault: SLOW });
  lane.kaggle.requests.clear();
  const { project, run } = await lane.enqueue({ metadata: { kaggle_ref: ref } });
  return { project, run, name: `raw/${ref.replace("/", "_")}_v1.zip` };
}

async function countParts(run: string): Promise<number> {
  const [files] = await lane.bucket.getFiles({ prefix: `tmp/kaggle-to-gcs/${run}/` });
  return files.length;
}

async function untilParts(run: string, least: number): Promise<number> {
  return vi.waitFor(
    async () => {
      const parts = await countParts(run);
      expect(parts).toBeGreaterThanOrEqual(least);
      return parts;
    },
    { timeout: 20_000, interval: 20 },
  );
}

async function expectDone({ run, project, name }: { run: string; project: string; name: string }) {
  expect(await lane.readRun(run)).toMatchObject({ state: "succeeded" });
  const datasets = await lane.db.sql("select * from public.datasets where project_id = $1", [project]);
  expect(datasets).toHaveLength(1);
  const [metadata] = await lane.bucket.file(name).getMetadata();
  expect(metadata).toMatchObject({ size: String(BYTES), crc32c: datasets[0]?.crc32c });
  expect(await lane.listObjects()).not.toContainEqual(expect.stringMatching(/^tmp\//));
}

/** Ranges that were asked for since the log was cleared. */
function countRanges(): number {
  return lane.kaggle.requests.list().filter(({ operation }) => operation === "blob").length;
}

/** Puts a run back into the queue as the sweep does when a lease has run out. */
async function expireLease(run: string): Promise<void> {
  await lane.db.sql("update corral.runs set lease_expires_at = corral.now() - interval '1 second' where id = $1", [
    run,
  ]);
  await lane.db.sql("select corral.sweep()");
}

const finish = async (job: JobProcess) => expect(await job.exit, job.lines.join("\n")).toMatchObject({ code: 0 });

describe("a job that is interrupted", () => {
  it("stops within seconds when told to, gives its run back, and the next attempt goes on from its parts", async () => {
    const work = await enqueueSlow();
    const job = await lane.launch(work.run, "kaggle-to-gcs", TRANSFER);
    await untilParts(work.run, 3);
    const toldAt = performance.now();
    job.child.kill("SIGTERM");
    expect(await job.exit).toEqual({ code: 143, signal: null });
    expect(performance.now() - toldAt).toBeLessThan(5000);
    expect(await lane.readRun(work.run)).toMatchObject({ state: "queued", failures: 0 });

    const kept = await countParts(work.run);
    lane.kaggle.faults.clear();
    lane.kaggle.requests.clear();
    await finish(await lane.launch(work.run, "kaggle-to-gcs", TRANSFER));
    await expectDone(work);
    expect(countRanges()).toBeLessThanOrEqual(BYTES / (2 * MIB) - kept + 1);
  });

  it("gives its run back when told to stop before it began", async () => {
    const work = await enqueueSlow();
    const job = await lane.launch(work.run, "kaggle-to-gcs", TRANSFER);
    await job.untilLine(/started$/);
    job.child.kill("SIGTERM");
    expect(await job.exit).toEqual({ code: 143, signal: null });
    expect(await lane.readRun(work.run)).toMatchObject({ state: "queued", failures: 0 });
    lane.kaggle.faults.clear();
    await finish(await lane.launch(work.run, "kaggle-to-gcs", TRANSFER));
    await expectDone(work);
  });

  it.each([1, 4, 9])("ends with one right object when it was killed after %d parts", async (parts) => {
    const work = await enqueueSlow();
    const job = await lane.launch(work.run, "kaggle-to-gcs", TRANSFER);
    await untilParts(work.run, parts);
    job.child.kill("SIGKILL");
    await job.exit;
    const kept = await countParts(work.run);
    await expireLease(work.run);
    lane.kaggle.faults.clear();
    lane.kaggle.requests.clear();
    await finish(await lane.launch(work.run, "kaggle-to-gcs", TRANSFER));
    await expectDone(work);
    expect(countRanges()).toBeLessThanOrEqual(BYTES / (2 * MIB) - kept + 1);
  });

  it("ends with one right object when it was killed after the object was composed", async () => {
    const work = await enqueueSlow();
    lane.kaggle.faults.clear();
    const job = await lane.launch(work.run, "kaggle-to-gcs", TRANSFER);
    await job.untilLine(/^Uploading/);
    await vi.waitFor(async () => expect(await lane.listObjects()).toContain(work.name), {
      timeout: 20_000,
      interval: 1,
    });
    job.child.kill("SIGKILL");
    await job.exit;
    const { state } = await lane.readRun(work.run);
    if (state === "running") {
      await expireLease(work.run);
      await finish(await lane.launch(work.run, "kaggle-to-gcs", TRANSFER));
    }
    await expectDone(work);
  });

  it("writes nothing more once its run was given to another attempt", async () => {
    const work = await enqueueSlow();
    const first = await lane.launch(work.run, "kaggle-to-gcs", TRANSFER);
    await untilParts(work.run, 2);
    await expireLease(work.run);
    lane.kaggle.faults.clear();
    await finish(await lane.launch(work.run, "kaggle-to-gcs", TRANSFER));
    await finish(first);
    expect(first.lines).toContainEqual(expect.stringMatching(/^stopped: .*given to another attempt/));
    expect(await lane.db.sql("select from public.datasets where project_id = $1", [work.project])).toHaveLength(1);
    expect(await lane.readRun(work.run)).toMatchObject({ state: "succeeded", attempt: 2 });
  });

  it("leaves nothing in the bucket when its project is deleted meanwhile", async () => {
    const work = await enqueueSlow();
    const job = await lane.launch(work.run, "kaggle-to-gcs", TRANSFER);
    await untilParts(work.run, 2);
    await lane.db.sql("delete from public.projects where id = $1", [work.project]);
    await finish(job);
    expect(await lane.readRun(work.run)).toMatchObject({ state: "cancelled" });
    expect(await countParts(work.run)).toBe(0);
    expect(await lane.listObjects()).not.toContain(work.name);
  });

  it("shares one object with another run that wants the same dataset at the same time", async () => {
    const one = await enqueueSlow();
    const { project, run } = await lane.enqueue({ metadata: { kaggle_ref: `synthetic/interrupted-${count}` } });
    const jobs = await Promise.all([
      lane.launch(one.run, "kaggle-to-gcs", TRANSFER),
      lane.launch(run, "kaggle-to-gcs", TRANSFER),
    ]);
    await Promise.all(jobs.map(finish));
    await expectDone(one);
    await expectDone({ ...one, project, run });
  });

  it("reports bytes, rate, time left and phase while it runs, at most every two seconds", async () => {
    const work = await enqueueSlow();
    const job = await lane.launch(work.run, "kaggle-to-gcs", { ...TRANSFER, TRANSFER_CONNECTIONS: "1" });
    const reports = new Map<number, Record<string, unknown>>();
    await vi.waitFor(
      async () => {
        const { reported_at, phase, progress, state } = await lane.readRun(work.run);
        if (phase !== null) reports.set(Number(reported_at), { phase, ...progress });
        expect(state).toBe("succeeded");
      },
      { timeout: 20_000, interval: 50 },
    );
    await finish(job);
    expect([...reports.values()]).toContainEqual({
      phase: "transferring",
      dataset: expect.stringMatching(/^synthetic/),
      bytes: expect.any(Number),
      total_bytes: BYTES,
      bytes_per_second: expect.any(Number),
      eta_seconds: expect.any(Number),
    });
    const times = [...reports.keys()].toSorted((a, b) => a - b);
    // The last one closes the run with the final figures, and comes when it comes.
    const pauses = times.slice(1, -1).map((time, index) => time - (times[index] ?? 0));
    expect(Math.min(...pauses)).toBeGreaterThan(1900);
  });
});
