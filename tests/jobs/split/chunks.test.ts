import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ChunkUpload } from "../../../jobs/split/chunk-upload.ts";
import { planChunks } from "../../../jobs/split/plan-chunks.ts";
import { UploadSlots } from "../../../jobs/split/upload-slots.ts";
import { type SplitScene, startSplitScene } from "./start-split-scene.ts";

let scene: SplitScene;
beforeAll(async () => {
  scene = await startSplitScene();
});
afterAll(() => scene.close());

/** Names and generations of a job's chunks. */
async function listChunks(jobId: number): Promise<[string, string][]> {
  const [files] = await scene.bucket.getFiles({ prefix: `jobs/${jobId}/chunks/` });
  return files.map(({ name, metadata }) => [name.split("/").at(-1) ?? "", String(metadata.generation)]);
}

describe("planChunks", () => {
  it.each([
    [10, 3, [4, 3, 3]],
    [9, 3, [3, 3, 3]],
    [2, 5, [1, 1]],
    [1, 1, [1]],
  ])("divides %d rows into %d chunks that differ by at most a row", (rows, chunks, sizes) => {
    const plan = planChunks(rows, { chunks, rowsPerChunk: null });
    expect(Array.from({ length: plan.count }, (_, index) => plan.rowsOf(index + 1))).toEqual(sizes);
  });

  it("loses and doubles no row, whatever the numbers", () => {
    for (let rows = 1; rows < 60; rows++)
      for (let chunks = 1; chunks < 60; chunks++) {
        const plan = planChunks(rows, { chunks, rowsPerChunk: null });
        const sizes = Array.from({ length: plan.count }, (_, index) => plan.rowsOf(index + 1));
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(rows);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }
  });

  it("names chunks so that they sort as their numbers do", () => {
    const few = planChunks(3, { chunks: 3, rowsPerChunk: null });
    const many = planChunks(2_000_000, { chunks: 1_000_000, rowsPerChunk: null });
    expect([few.nameOf(1), many.nameOf(1), many.nameOf(1_000_000)]).toEqual(["00001", "0000001", "1000000"]);
  });

  it("refuses more chunks than a job has tasks", () => {
    expect(planChunks(9_999_999, { chunks: null, rowsPerChunk: 1 }).count).toBe(9_999_999);
    expect(() => planChunks(20_000_000, { chunks: null, rowsPerChunk: 1 })).toThrow(
      "Cannot split 20000000 rows into 20000000 chunks: a job has at most 9999999. Ask for 3 rows per chunk or more.",
    );
  });
});

describe("a split that runs again", () => {
  const csv = (rows: number) => `n\n${Array.from({ length: rows }, (_, row) => `${row}\n`).join("")}`;

  it("keeps what is there, and gives the same tasks", async () => {
    const url = await scene.store("data.csv", csv(9));
    const first = await scene.split(url, { chunks: 4 });
    const stored = await listChunks(first.jobId);
    const second = await scene.split(url, { chunks: 4, jobId: first.jobId });
    expect(second.tasks).toEqual(first.tasks);
    expect(await listChunks(first.jobId)).toEqual(stored);
  });

  it("makes only what is missing", async () => {
    const url = await scene.store("data.csv", csv(9));
    const { jobId, tasks } = await scene.split(url, { chunks: 3 });
    const before = await scene.readChunks(jobId);
    const stored = await listChunks(jobId);
    await scene.bucket.file(`jobs/${jobId}/chunks/00002.csv`).delete();
    expect((await scene.split(url, { chunks: 3, jobId })).tasks).toEqual(tasks);
    expect(await scene.readChunks(jobId)).toEqual(before);
    const again = await listChunks(jobId);
    expect([again[0], again[2]]).toEqual([stored[0], stored[2]]);
  });

  it("replaces what is of other data, of another division, or of nobody's", async () => {
    const { jobId } = await scene.split(await scene.store("data.csv", csv(9)), { chunks: 4 });
    for (const name of ["00000.csv", "00002.tsv", "00003.csv.bak", "x"])
      await scene.bucket.file(`jobs/${jobId}/chunks/${name}`).save("stray");
    await scene.bucket.file(`jobs/${jobId}/chunks/00002.csv`).save("foreign");
    const other = await scene.store("other.csv", csv(6));
    await scene.split(other, { chunks: 3, jobId });
    const contents = [...(await scene.readChunks(jobId))].map(([name, bytes]) => [name, String(bytes)]);
    expect(contents).toEqual([
      ["00001.csv", "n\n0\n1\n"],
      ["00002.csv", "n\n2\n3\n"],
      ["00003.csv", "n\n4\n5\n"],
    ]);
  });

  it("finds its way through more chunks than a page lists", async () => {
    const url = await scene.store("data.csv", csv(1100));
    const { jobId, tasks } = await scene.split(url, { chunks: 1100 });
    expect(tasks.map(({ number }) => number)).toEqual(Array.from({ length: 1100 }, (_, index) => index + 1));
    const stored = await listChunks(jobId);
    expect((await scene.split(url, { chunks: 1100, jobId })).tasks).toEqual(tasks);
    expect(await listChunks(jobId)).toEqual(stored);
    await scene.split(url, { chunks: 2, jobId });
    expect((await listChunks(jobId)).map(([name]) => name)).toEqual(["00001.csv", "00002.csv"]);
  });

  it("keeps chunks that were streamed for their size", async () => {
    const url = await scene.store("data.csv", csv(900_000));
    const { jobId, tasks } = await scene.split(url, { chunks: 2 });
    const stored = await listChunks(jobId);
    expect(tasks.every(({ bytes }) => bytes > 2 * 1024 * 1024)).toBe(true);
    expect((await scene.split(url, { chunks: 2, jobId })).tasks).toEqual(tasks);
    expect(await listChunks(jobId)).toEqual(stored);
    const texts = [...(await scene.readChunks(jobId)).values()].map((bytes) => String(bytes).slice(2));
    expect(`n\n${texts.join("")}`).toBe(csv(900_000));
  });

  it("ends at once when its attempt is no longer the run's", async () => {
    const url = await scene.store("data.csv", csv(9));
    const split = scene.split(url, { addTasks: async () => "stale" });
    await expect(split).rejects.toMatchObject({ name: "StaleAttempt" });
  });
});

describe("a chunk that somebody else stores at the same time", () => {
  const SMALL = 10;
  const LARGE = 3 * 1024 * 1024;

  function upload(name: string, isSame: boolean) {
    const slots = new UploadSlots();
    const stored: unknown[] = [];
    const chunk = new ChunkUpload({
      file: scene.bucket.file(name),
      ifGenerationMatch: "0",
      contentType: "text/csv",
      mark: "mine",
      slots,
      isSame: () => isSame,
      onStored: async ({ size }) => void stored.push(Number(size)),
      signal: new AbortController().signal,
    });
    const write = async (bytes: number) => {
      await scene.bucket.file(name).save(Buffer.alloc(bytes));
      await chunk.write(Buffer.alloc(bytes));
      await chunk.end();
      await slots.settle();
    };
    return { stored, write };
  }

  it.each([SMALL, LARGE])("is as good when it is the same: %d bytes", async (bytes) => {
    const { stored, write } = upload(`race/same-${bytes}`, true);
    await write(bytes);
    expect(stored).toEqual([bytes]);
  });

  it.each([SMALL, LARGE])("ends the attempt when it is another: %d bytes", async (bytes) => {
    const { stored, write } = upload(`race/other-${bytes}`, false);
    await expect(write(bytes)).rejects.toMatchObject({ code: "storage_contended", retryable: true });
    expect(stored).toEqual([]);
  });
});
