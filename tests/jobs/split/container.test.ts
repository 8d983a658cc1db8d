import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { JobProcess } from "../start-lane.ts";
import { type SplitLane, startSplitLane } from "./start-split-lane.ts";

let lane: SplitLane;
beforeAll(async () => {
  lane = await startSplitLane();
});
afterAll(() => lane.close());

const ROWS = 800;
const CHUNKS = 400;
const CSV = `id,text\n${Array.from({ length: ROWS }, (_, row) => `${row},"line\n${row}"\n`).join("")}`;

const finish = async (job: JobProcess) => expect(await job.exit, job.lines.join("\n")).toMatchObject({ code: 0 });

/** A job whose split takes about a second or more. */
async function enqueueLarge(name: string) {
  return lane.enqueueSplit(await lane.store(name, CSV), { chunks: CHUNKS });
}

async function untilChunks(job: string, least: number): Promise<void> {
  await vi.waitFor(async () => expect(await lane.countChunks(job)).toBeGreaterThanOrEqual(least), {
    timeout: 20_000,
    interval: 5,
  });
}

/** The job as it is to be, whatever happened to its containers. */
async function expectDone(job: string, run: string) {
  expect(await lane.readRun(run)).toMatchObject({ state: "succeeded" });
  expect(await lane.readJob(job)).toMatchObject({ status: "RUNNING", total_tasks: CHUNKS, total_rows: String(ROWS) });
  const tasks = await lane.listTasks(job);
  const chunks = await lane.readChunks(job);
  expect(tasks.map(({ number }) => number)).toEqual(Array.from({ length: CHUNKS }, (_, index) => index + 1));
  expect(tasks.map(({ chunk }) => chunk)).toEqual(chunks.map(({ name }) => `gs://${lane.bucket.name}/${name}`));
  expect(new Set(tasks.map(({ rows }) => rows))).toEqual(new Set([2]));
  expect(chunks.map(({ text }) => text.replace(/^id,text\n/, "")).join("")).toBe(CSV.replace(/^id,text\n/, ""));
}

describe("the job split", () => {
  it("turns data into tasks that agents can claim, and says how far it is", async () => {
    const { job, run } = await enqueueLarge("whole.csv");
    expect(await lane.readJob(job)).toMatchObject({ status: "PROCESSING" });
    const container = await lane.launch(run, "split");
    await finish(container);
    expect(container.lines).toEqual([
      `corral-job split run=${run} attempt=1 started`,
      "Splitting whole.csv (csv)",
      `Counted ${ROWS} rows, which become ${CHUNKS} chunks`,
      `published: ${CHUNKS} tasks of ${ROWS} rows`,
    ]);
    await expectDone(job, run);
    expect(await lane.readRun(run)).toMatchObject({
      phase: "publishing",
      progress: {
        file: "whole.csv",
        bytes: CSV.length,
        total_bytes: CSV.length,
        eta_seconds: 0,
        rows: ROWS,
        total_rows: ROWS,
        chunks: CHUNKS,
        total_chunks: CHUNKS,
      },
    });
  });

  it("fails with the reason when the data is malformed, and leaves nothing behind", async () => {
    const { job, run } = await lane.enqueueSplit(await lane.store("ragged.csv", "a,b\n1,2\n3\n"));
    const container = await lane.launch(run, "split");
    expect(await container.exit).toMatchObject({ code: 1 });
    const message = "Cannot split ragged.csv: line 3 has 1 field where the header has 2. Correct the file.";
    expect(await lane.readJob(job)).toMatchObject({
      status: "FAILED",
      error_code: "data_malformed",
      error_message: expect.stringContaining(message),
    });
    expect(await lane.countChunks(job)).toBe(0);
    expect(await lane.listTasks(job)).toEqual([]);
  });

  it("refuses data at an address that is not public", async () => {
    for (const url of ["https://169.254.169.254/x", "https://localhost/x", "http://example.org/x"]) {
      const { job, run } = await lane.enqueueSplit(url);
      expect(await (await lane.launch(run, "split")).exit).toMatchObject({ code: 1 });
      expect(await lane.readJob(job)).toMatchObject({ status: "FAILED", error_code: "address_not_public" });
    }
  });
});

describe("a split that is interrupted", () => {
  it("gives its run back when told to stop, and the next attempt keeps the chunks that are there", async () => {
    const { job, run } = await enqueueLarge("told.csv");
    const container = await lane.launch(run, "split");
    await untilChunks(job, 50);
    container.child.kill("SIGTERM");
    expect(await container.exit, container.lines.join("\n")).toEqual({ code: 143, signal: null });
    expect(await lane.readRun(run)).toMatchObject({ state: "queued", failures: 0 });
    const before = await lane.readChunks(job);
    expect(before.length).toBeLessThan(CHUNKS);
    expect(await lane.listTasks(job)).not.toContainEqual(expect.objectContaining({ state: "RUNNING" }));

    await finish(await lane.launch(run, "split"));
    await expectDone(job, run);
    const after = await lane.readChunks(job);
    expect(after).toEqual(expect.arrayContaining(before));
  });

  it.each([1, 100, 350])("ends with the same tasks and no strays when it was killed after %d chunks", async (count) => {
    const { job, run } = await enqueueLarge(`killed-${count}.csv`);
    const container = await lane.launch(run, "split");
    await untilChunks(job, count);
    container.child.kill("SIGKILL");
    await container.exit;
    await lane.expireLease(run);
    await finish(await lane.launch(run, "split"));
    await expectDone(job, run);
  });

  it("ends with the new data's tasks and chunks when the data was replaced meanwhile", async () => {
    const { job, run } = await enqueueLarge("replaced.csv");
    const container = await lane.launch(run, "split");
    await untilChunks(job, 300);
    container.child.kill("SIGKILL");
    await container.exit;
    await lane.expireLease(run);
    await lane.store("replaced.csv", "a\tb\n1\t2\n3\t4\n");
    await finish(await lane.launch(run, "split"));
    expect((await lane.listTasks(job)).map(({ number, rows }) => ({ number, rows }))).toEqual([
      { number: 1, rows: 1 },
      { number: 2, rows: 1 },
    ]);
    expect((await lane.readChunks(job)).map(({ text }) => text)).toEqual(["a\tb\n1\t2\n", "a\tb\n3\t4\n"]);
  });

  it("changes nothing any more once its run was given to another attempt", async () => {
    const { job, run } = await enqueueLarge("slow.csv");
    const first = await lane.launch(run, "split");
    await untilChunks(job, 20);
    first.child.kill("SIGSTOP");
    await lane.expireLease(run);
    await finish(await lane.launch(run, "split"));
    const before = await lane.readChunks(job);
    first.child.kill("SIGCONT");
    await finish(first);
    expect(first.lines).toContainEqual(expect.stringMatching(/^stopped: /));
    await expectDone(job, run);
    expect(await lane.readChunks(job)).toEqual(before);
  });

  it("leaves nothing in the bucket when its job is cancelled meanwhile", async () => {
    const { job, run } = await enqueueLarge("cancelled.csv");
    const container = await lane.launch(run, "split");
    await untilChunks(job, 20);
    const [cancelled] = await lane.db.sql("select * from public.control_job($1, 'cancel', null, true)", [job]);
    expect(cancelled).toMatchObject({ outcome: "done" });
    await finish(container);
    expect(await lane.readJob(job)).toMatchObject({ status: "CANCELLED" });
    expect(await lane.countChunks(job)).toBe(0);
  });
});
