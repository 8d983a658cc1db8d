import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type SnapshotRow, type SyncLane, startSyncLane } from "./start-sync-lane.ts";

let lane: SyncLane;
const ROWS = "200000";
beforeAll(async () => {
  lane = await startSyncLane();
  await lane.make(`CREATE TABLE FLOWN AS SELECT * FROM FLIGHTS LIMIT ${ROWS}`);
  await lane.sync("FLOWN");
});
afterAll(() => lane.close());

async function expectWhole(snapshot: SnapshotRow) {
  expect(snapshot.row_count).toBe(ROWS);
  expect(await lane.query(snapshot, "SELECT count(*) FROM data")).toEqual([[ROWS]]);
  expect(await lane.readFile(snapshot, "certificate.json")).toMatchObject({ agrees: true });
}

const finish = async (run: string) => {
  const job = await lane.launchSync(run);
  expect(await job.exit, job.lines.join("\n")).toMatchObject({ code: 0 });
};

const MOMENTS: [moment: string, path: "unload" | "rows", line: RegExp][] = [
  ["its first line", "unload", /started$/],
  ["the source's description", "unload", /^Syncing/],
  ["the unload", "unload", /^Unloading/],
  ["the reading of rows", "rows", /^Reading/],
  ["the download", "unload", /^Downloading/],
  ["the load", "unload", /^Loading/],
  ["the statistics", "unload", /^Statistics/],
  ["the certificate", "unload", /^Certifying/],
  ["the upload", "unload", /^Uploading/],
  ["the publication", "unload", /^Publishing/],
];

describe("a sync that is killed at", () => {
  it.each(MOMENTS)(
    "%s leaves the last snapshot; the next attempt makes a new one and no orphans",
    async (_, path, line) => {
      const before = await lane.readSnapshot("FLOWN");
      const { sync, run } = await lane.enqueueSync("FLOWN", { path });
      const job = await lane.launchSync(run);
      await job.untilLine(line);
      job.child.kill("SIGKILL");
      expect(await job.exit).toMatchObject({ signal: "SIGKILL" });

      const isPublished = (await lane.readSync(sync)).state === "completed";
      if (!isPublished) {
        expect(await lane.readSnapshot("FLOWN")).toEqual(before);
        await expectWhole(before);
        await lane.expireLease(run);
        await finish(run);
        expect(await lane.listScratch()).toEqual([]);
      }
      const after = await lane.readSnapshot("FLOWN");
      expect(after.version).toBe(`${sync.padStart(9, "0")}-${isPublished ? 1 : 2}`);
      await expectWhole(after);
      expect(await lane.readSync(sync)).toMatchObject({ state: "completed", version: after.version });
      expect(await lane.listStrayObjects()).toEqual([]);
    },
  );
});

describe("a sync that is told to stop", () => {
  it("cancels what Snowflake does, gives the run back, and leaves nothing on the disk", async () => {
    const before = await lane.listScratch();
    const { sync, run } = await lane.enqueueSync("FLIGHTS", { path: "unload" });
    const job = await lane.launchSync(run);
    await job.untilLine(/^Unloading/);
    const query = await lane.server.running(/^COPY INTO/);
    job.child.kill("SIGTERM");
    expect(await job.exit).toMatchObject({ code: 143 });
    expect(await lane.readRun(run)).toMatchObject({ state: "queued", attempt: 1 });
    expect(await lane.listScratch()).toEqual(before);
    await vi.waitFor(async () => {
      const [[status] = []] = await lane.cells(
        `SELECT EXECUTION_STATUS FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY()) WHERE QUERY_ID = '${query}'`,
      );
      expect(status).toBe("ABORTED");
    });
    await lane.db.sql("select corral.stop_sync($1)", [sync]);
  });

  it("by a cancelled run leaves at its next report, with nothing behind", async () => {
    const stray = await lane.listStrayObjects();
    const { sync, run } = await lane.enqueueSync("FLIGHTS", { path: "rows" });
    const job = await lane.launchSync(run);
    await job.untilLine(/^Reading/);
    await lane.db.sql("select corral.stop_sync($1)", [sync]);
    expect(await job.exit, job.lines.join("\n")).toMatchObject({ code: 0 });
    expect(job.lines.join("\n")).toContain("stopped: Error: the run was cancelled");
    expect(await lane.readSync(sync)).toMatchObject({ state: "cancelled" });
    expect(await lane.listStrayObjects()).toEqual(stray);
  });
});
