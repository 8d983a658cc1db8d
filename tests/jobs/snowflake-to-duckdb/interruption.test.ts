import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Random } from "../../chaos/random.ts";
import { cleanUpIn } from "../cleanup/clean-up-in.ts";
import type { JobProcess } from "../start-lane.ts";
import { PATHS, type SnapshotRow, type SyncLane, startSyncLane } from "./start-sync-lane.ts";

/** Another one, in the environment, draws other moments. */
const SEED = Number(process.env.CORRAL_KILL_SEED ?? 20_261_121);
const KILLS = 10;

let lane: SyncLane;
const ROWS = "200000";
beforeAll(async () => {
  lane = await startSyncLane();
  await lane.make(`CREATE TABLE FLOWN AS SELECT * FROM FLIGHTS LIMIT ${ROWS}`);
  await lane.sync("FLOWN");
});
afterAll(() => lane.close());

type Path = (typeof PATHS)[number];

async function startSync(path: Path) {
  const before = await lane.readSnapshot("FLOWN");
  const { sync, run } = await lane.enqueueSync("FLOWN", { path });
  return { before, sync, run, job: await lane.launchSync(run) };
}

async function expectEnd(job: JobProcess, end: { code: number } | { signal: "SIGKILL" }) {
  expect(await job.exit, job.lines.join("\n")).toMatchObject(end);
}

async function expectWhole(snapshot: SnapshotRow) {
  expect(snapshot.row_count).toBe(ROWS);
  expect(await lane.query(snapshot, "SELECT count(*) FROM data")).toEqual([[ROWS]]);
  expect(await lane.readFile(snapshot, "certificate.json")).toMatchObject({ agrees: true });
}

/** What the process sent before it died may be under way still: its last report, or the publication. */
async function expireLease(run: string): Promise<string> {
  return vi.waitFor(async () => {
    await lane.expireLease(run);
    const { state } = await lane.readRun(run);
    expect(["queued", "succeeded"]).toContain(state);
    return state;
  }, 30_000);
}

/** Unless the killed attempt had published already, the last snapshot serves until the next attempt has. */
async function expectRecovery({ before, sync, run }: { before: SnapshotRow; sync: string; run: string }) {
  const isPublished = (await expireLease(run)) === "succeeded";
  if (isPublished) {
    // Only what comes by later can remove what the attempt could no longer.
    await cleanUpIn(lane, 2);
  } else {
    expect(await lane.readSnapshot("FLOWN")).toEqual(before);
    await expectWhole(before);
    const next = await lane.launchSync(run);
    await expectEnd(next, { code: 0 });
    expect(await lane.listScratch()).toEqual([]);
  }
  const after = await lane.readSnapshot("FLOWN");
  expect(after.version).toBe(`${sync.padStart(9, "0")}-${isPublished ? 1 : 2}`);
  await expectWhole(after);
  expect(await lane.readSync(sync)).toMatchObject({ state: "completed", version: after.version });
  expect(await lane.listStrayObjects()).toEqual([]);
}

const MOMENTS: [moment: string, path: Path, line: RegExp][] = [
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
  ["the clearing up", "unload", /^published:/],
];

describe("a sync that is killed at", () => {
  it.each(MOMENTS)(
    "%s leaves a whole snapshot at every moment, the new one in the end, and no orphans",
    async (_, path, line) => {
      const started = await startSync(path);
      await started.job.untilLine(line);
      started.job.child.kill("SIGKILL");
      await expectEnd(started.job, { signal: "SIGKILL" });
      await expectRecovery(started);
    },
  );
});

describe(`a sync that is killed at ten random moments, drawn from the seed ${SEED},`, { timeout: 240_000 }, () => {
  const random = new Random(SEED);
  const kills = Array.from({ length: KILLS }, (_, kill): [kill: number, path: Path, draws: Random] => [
    kill + 1,
    PATHS[kill % PATHS.length] ?? "unload",
    random.fork(),
  ]);
  const milliseconds: Record<Path, number> = { unload: 0, rows: 0 };

  beforeAll(async () => {
    for (const path of PATHS) {
      const began = performance.now();
      const { job } = await startSync(path);
      await expectEnd(job, { code: 0 });
      milliseconds[path] = performance.now() - began;
    }
  }, 240_000);

  /** Starts syncs until one is killed before its end, since any may take less time than the one before. */
  async function killOne(path: Path, draws: Random) {
    for (let tries = 0; tries < 10; tries++) {
      const moment = draws.next() * milliseconds[path];
      const began = performance.now();
      const started = await startSync(path);
      await Promise.race([pause(moment - (performance.now() - began)), started.job.exit]);
      started.job.child.kill("SIGKILL");
      const { signal } = await started.job.exit;
      if (signal === "SIGKILL") return { ...started, moment };
      await expectEnd(started.job, { code: 0 });
    }
    throw new Error("No sync could be killed before its end");
  }

  it.for(kills)(
    "kill %i, by %s, leaves a whole snapshot at every moment, the new one in the end, and no orphans",
    async ([, path, draws], { annotate }) => {
      const { moment, ...killed } = await killOne(path, draws);
      await annotate(`killed after ${Math.round(moment)} of ${Math.round(milliseconds[path])} ms`);
      await expectRecovery(killed);
    },
  );
});

describe("a sync that is told to stop", () => {
  it("cancels what Snowflake does, gives the run back, and leaves nothing on the disk", async () => {
    const { sync, run } = await lane.enqueueSync("FLIGHTS", { path: "unload" });
    const job = await lane.launchSync(run);
    await job.untilLine(/^Unloading/);
    const query = await lane.server.running(/^COPY INTO/);
    job.child.kill("SIGTERM");
    expect(await job.exit).toMatchObject({ code: 143 });
    expect(await lane.readRun(run)).toMatchObject({ state: "queued", attempt: 1 });
    expect(await lane.listScratch()).toEqual([]);
    await vi.waitFor(async () => {
      const [[status] = []] = await lane.cells(
        `SELECT EXECUTION_STATUS FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY()) WHERE QUERY_ID = '${query}'`,
      );
      expect(status).toBe("ABORTED");
    }, 30_000);
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
