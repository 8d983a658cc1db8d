import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { listUnreferencedObjects } from "../../shared/db/cleanup.ts";
import { connectDb, type Db } from "../../shared/db/connect-db.ts";
import {
  getDatasetTask,
  type PublishedDataset,
  publishDataset,
  recordMilestone,
} from "../../shared/db/dataset-task.ts";
import { getDatasetRun, getDatasetStatus, saveKaggleCredentials, startDataset } from "../../shared/db/datasets.ts";
import {
  claimRun,
  failLaunch,
  failRun,
  finishRun,
  listLiveRuns,
  recordLaunch,
  releaseRun,
  reportProgress,
  startRun,
} from "../../shared/db/runs.ts";
import { getHealth, getWaitLimits, setAutoIngestion } from "../../shared/db/settings.ts";
import { type Supabase, serveSupabase } from "../local/gateway/serve-supabase.ts";
import { addProject, call, runOf } from "./scene.ts";

const ADMIN = { userId: null, isAdmin: true };
const DATASET: PublishedDataset = {
  name: "vega/seattle-weather",
  gcsUrl: "gs://bucket/raw/vega_seattle-weather_v3.zip",
  sizeBytes: 4_509_715_661,
  crc32c: "yZRlqg==",
  md5: null,
  kaggleVersion: 3,
  license: null,
  candidates: [{ ref: "vega/seattle-weather", score: 0.9 }],
};

let supabase: Supabase;
let db: Db;
beforeAll(async () => {
  supabase = await serveSupabase();
  db = connectDb({ url: supabase.url, key: supabase.keys.serviceRoleKey });
});
afterAll(() => supabase.close());

const addQueued = async () => {
  const project = await addProject(supabase.database, { status: "pending_dataset", search_keywords: ["rain"] });
  const { id } = await runOf(supabase.database, project.id);
  return { ...project, run: Number(id) };
};
const addRunning = async () => {
  const queued = await addQueued();
  await claimRun(db, queued.run);
  await startRun(db, queued.run, 1, "execution");
  return queued;
};

describe("settings", () => {
  test("tell the health and how long to wait", async () => {
    expect(await getHealth(db)).toEqual({ autoIngestion: true });
    expect(await getWaitLimits(db)).toEqual({ defaultSeconds: 60, ceilingSeconds: 140 });
  });

  test("are switched by whoever may", async () => {
    expect(await setAutoIngestion(db, true, ADMIN)).toBe("unchanged");
    expect(await setAutoIngestion(db, false, { userId: randomUUID(), isAdmin: false })).toBe("forbidden");
    expect(await setAutoIngestion(db, false, { userId: null, isAdmin: false })).toBe("unauthorized");
  });
});

describe("runs", () => {
  test("go from the queue to a released attempt", async () => {
    const { run, id } = await addQueued();
    expect(await claimRun(db, run)).toEqual({ outcome: "claimed", kind: "kaggle-to-gcs", attempt: 1 });
    expect(await claimRun(db, run)).toEqual({ outcome: "gone" });
    expect(await recordLaunch(db, run, 1, "execution")).toBe(true);
    expect(await startRun(db, run, 1, "execution")).toEqual({
      outcome: "started",
      subject: id,
      args: {},
      leaseSeconds: 60,
    });
    expect(await startRun(db, run, 1, "execution")).toEqual({ outcome: "stale" });
    expect(await reportProgress(db, run, 1, { phase: "searching", progress: { bytes: 0 } })).toBe("continue");
    expect(await releaseRun(db, run, 1)).toBe(true);
    expect(await reportProgress(db, run, 1, { phase: "searching" })).toBe("stop");
  });

  test("fail with or without a time to wait", async () => {
    const { run } = await addRunning();
    const failure = { code: "kaggle_rate_limited", message: "Later.", retryable: true, retryAfterSeconds: 5000 };
    expect(await failRun(db, run, 1, failure)).toBe("retrying");
    expect(await claimRun(db, run)).toEqual({ outcome: "not_due" });
    const other = await addRunning();
    expect(await failRun(db, other.run, 1, { ...failure, retryable: false, retryAfterSeconds: null })).toBe("failed");
  });

  test("go back to the queue when their launch fails", async () => {
    const { run } = await addQueued();
    await claimRun(db, run);
    expect(await failLaunch(db, run, 1, "quota exceeded")).toBe(true);
    expect(await failLaunch(db, run, 1, "quota exceeded")).toBe(false);
  });

  test("finish without a publication where their kind needs none", async () => {
    const run = Number(await call<string>(supabase.database, "corral.enqueue_run('cleanup', 'bucket')"));
    await claimRun(db, run);
    await startRun(db, run, 1, "execution");
    expect(await finishRun(db, run, 1, { deleted: 3 })).toBe("finished");
    expect(await finishRun(db, run, 2)).toBe("stale");
  });
});

describe("datasets", () => {
  test("are started, joined, and told once they are there", async () => {
    const { id, owner } = await addProject(supabase.database);
    const caller = { userId: owner, isAdmin: false };
    const started = await startDataset(db, id, caller);
    const run = Number((await runOf(supabase.database, id)).id);
    expect(started).toEqual({ outcome: "started", runId: run });
    expect(await startDataset(db, id, caller)).toEqual({ outcome: "joined", runId: run });
    expect(await getDatasetRun(db, run)).toEqual({
      state: "queued",
      errorCode: null,
      errorMessage: null,
      dataset: null,
    });
    await claimRun(db, run);
    await startRun(db, run, 1, "execution");
    expect(await publishDataset(db, run, 1, DATASET)).toBe("published");
    const dataset = { name: DATASET.name, gcsUrl: DATASET.gcsUrl, size: "4.20 GB" };
    expect(await getDatasetRun(db, run)).toMatchObject({ state: "succeeded", dataset });
    expect(await startDataset(db, id, caller)).toEqual({ outcome: "already_ingested", dataset });
    expect(await startDataset(db, id, { userId: null, isAdmin: false })).toEqual({ outcome: "unauthorized" });
    expect(await getDatasetRun(db, 4242)).toBeUndefined();
  });

  test("tell their status, rows as they are stored", async () => {
    const { id, run } = await addRunning();
    await reportProgress(db, run, 1, { phase: "transferring", progress: { bytes: 7, eta_seconds: 3 } });
    expect(await getDatasetStatus(db, id, ADMIN)).toMatchObject({
      outcome: "found",
      projectStatus: "pending_dataset",
      dataset: null,
      logs: [],
      run: { id: run, state: "running", phase: "transferring", progress: { bytes: 7, eta_seconds: 3 } },
    });
    await recordMilestone(db, run, 1, { log: "Found it" });
    await publishDataset(db, run, 1, DATASET);
    expect(await getDatasetStatus(db, id, ADMIN)).toMatchObject({
      dataset: { name: DATASET.name, size_bytes: DATASET.sizeBytes, md5: null, candidates: DATASET.candidates },
      logs: [{ log_level: "info" }, { agent_name: "dataset", message: "Found it", log_level: "info" }],
      run: { state: "succeeded" },
    });
    expect(await getDatasetStatus(db, randomUUID(), ADMIN)).toEqual({ outcome: "project_not_found" });
  });

  test("are described to the job, with credentials where there are any", async () => {
    const { id, run } = await addRunning();
    expect(await getDatasetTask(db, run, 1)).toEqual({
      outcome: "ready",
      projectName: "Rain",
      keywords: ["rain"],
      options: {},
      maxDatasetSizeGb: 50,
      credentials: null,
    });
    const credentials = { username: "ann", key: "secret" };
    expect(await saveKaggleCredentials(db, id, credentials, ADMIN)).toBe("saved");
    expect(await getDatasetTask(db, run, 1)).toMatchObject({ credentials });
    expect(await getDatasetTask(db, run, 2)).toEqual({ outcome: "stale" });
  });

  test("have milestones, told to the owner or not", async () => {
    const { owner, run } = await addRunning();
    expect(await recordMilestone(db, run, 1, { log: "Careful", level: "warning", message: "Look." })).toBe(true);
    expect(await recordMilestone(db, run, 1, { log: "Nothing to see" })).toBe(true);
    const told = await supabase.database.sql("select content from public.messages where user_id = $1", [owner]);
    expect(told).toEqual([{ content: "Look." }]);
  });

  test("refuse credentials by a code of ours", async () => {
    const { id } = await addProject(supabase.database);
    await expect(saveKaggleCredentials(db, id, { username: "", key: "" }, ADMIN)).rejects.toMatchObject({
      name: "CorralError",
      code: "invalid_credentials",
      status: 422,
    });
  });
});

describe("the cleanup's questions", () => {
  test("are answered in lists", async () => {
    const { run } = await addQueued();
    expect(await listLiveRuns(db, [run, 4242])).toEqual([run]);
    expect(await listUnreferencedObjects(db, ["gs://bucket/stray"])).toEqual(["gs://bucket/stray"]);
  });
});

describe("a call that Postgres does not answer", () => {
  test("is one to be made again, and says what went wrong to those who look", async () => {
    const nowhere = connectDb({ url: "http://127.0.0.1:9", key: "none" });
    await expect(claimRun(nowhere, 1)).rejects.toMatchObject({
      code: "database_unavailable",
      retryAfterSeconds: 1,
      cause: { message: expect.stringContaining("fetch failed") },
    });
  });

  test("is refused to whoever is not the service role", async () => {
    const anonymous = connectDb({ url: supabase.url, key: supabase.keys.anonKey });
    await expect(getHealth(anonymous)).rejects.toThrow("permission denied");
  });
});
