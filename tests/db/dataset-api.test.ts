import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import { addProject, addRunningProject, addUser, call, firstOf, PUBLISH, runOf, runsOf, statusOf } from "./scene.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
});
afterEach(() =>
  db.sql("update corral.settings set open_enrollment = false, open_admin = false, auto_ingestion = true"),
);
afterAll(() => db.drop());

const open = (mode: "open_enrollment" | "open_admin") => db.sql(`update corral.settings set ${mode} = true`);
const setAuto = (on: boolean) => db.sql("update corral.settings set auto_ingestion = $1", [on]);
const start = async (project: string, user: string | null, admin = false) =>
  firstOf(await db.sql("select * from public.start_dataset($1, $2, $3)", [project, user, admin]));
const status = async (project: string, user: string | null, admin = false) =>
  firstOf(
    await db.sql(
      `select outcome, project_status, to_json(dataset) as dataset, to_json(logs) as logs, to_json(run) as run
         from public.get_dataset_status($1, $2, $3)`,
      [project, user, admin],
    ),
  );
const NOTHING = { run_id: null, dataset_name: null, gcs_url: null, size: null };

describe("start_dataset", () => {
  test.each(["draft", "failed", "pending_training"])(
    "starts a project that is %s and has no dataset",
    async (before) => {
      const { id, owner } = await addProject(db, { status: before });
      const started = await start(id, owner);
      const run = await runOf(db, id);
      expect(started).toEqual({ ...NOTHING, outcome: "started", run_id: run.id });
      expect(run.state).toBe("queued");
      expect(await statusOf(db, id)).toBe("pending_dataset");
    },
  );

  test("starts also while automatic ingestion is off", async () => {
    await setAuto(false);
    const { id, owner } = await addProject(db);
    expect(await start(id, owner)).toMatchObject({ outcome: "started", run_id: (await runOf(db, id)).id });
  });

  test("starts a project that has been waiting for automatic ingestion", async () => {
    await setAuto(false);
    const { id, owner } = await addProject(db, { status: "pending_dataset" });
    expect(await start(id, owner)).toMatchObject({ outcome: "started" });
  });

  test("joins the live run", async () => {
    const { id, owner, run } = await addRunningProject(db);
    expect(await start(id, owner)).toEqual({ ...NOTHING, outcome: "joined", run_id: run });
    expect(await runsOf(db, id)).toHaveLength(1);
  });

  test("tells the dataset of a project that has it", async () => {
    const { id, owner, run, attempt } = await addRunningProject(db);
    await call(db, PUBLISH, [run, attempt]);
    expect(await start(id, owner)).toEqual({
      outcome: "already_ingested",
      run_id: null,
      dataset_name: "vega/seattle-weather",
      gcs_url: "gs://bucket/raw/vega_seattle-weather_v3.zip",
      size: "4.20 GB",
    });
    expect(await runsOf(db, id)).toHaveLength(1);
  });

  test("fetches again what a failed project had", async () => {
    const { id, owner, run, attempt } = await addRunningProject(db);
    await call(db, PUBLISH, [run, attempt]);
    await db.sql("update public.projects set status = 'failed' where id = $1", [id]);
    expect(await start(id, owner)).toMatchObject({ outcome: "started" });
  });

  test.each(["training", "completed"])("leaves a project alone that is %s", async (before) => {
    const { id, owner } = await addProject(db, { status: before });
    expect(await start(id, owner)).toEqual({ ...NOTHING, outcome: "project_busy" });
    expect(await statusOf(db, id)).toBe(before);
    expect(await runsOf(db, id)).toEqual([]);
  });

  test("refuses by default callers without a token, and tells them nothing", async () => {
    const { id } = await addProject(db);
    expect(await start(id, null)).toEqual({ ...NOTHING, outcome: "unauthorized" });
    expect(await start(randomUUID(), null)).toEqual({ ...NOTHING, outcome: "unauthorized" });
    expect(await runsOf(db, id)).toEqual([]);
  });

  test("is open to callers without a token in open_enrollment mode", async () => {
    await open("open_enrollment");
    const { id } = await addProject(db);
    expect(await start(id, null)).toMatchObject({ outcome: "started" });
    expect(await start(randomUUID(), null)).toEqual({ ...NOTHING, outcome: "project_not_found" });
  });

  test("is not opened by open_admin alone", async () => {
    await open("open_admin");
    expect(await start((await addProject(db)).id, null)).toMatchObject({ outcome: "unauthorized" });
  });

  test("hides a project from strangers in every mode", async () => {
    await open("open_enrollment");
    const { id } = await addProject(db);
    expect(await start(id, await addUser(db))).toEqual({ ...NOTHING, outcome: "project_not_found" });
    expect(await runsOf(db, id)).toEqual([]);
  });

  test("lets an admin start any project", async () => {
    const { id } = await addProject(db);
    expect(await start(id, await addUser(db), true)).toMatchObject({ outcome: "started" });
    expect(await start(randomUUID(), null, true)).toEqual({ ...NOTHING, outcome: "project_not_found" });
  });

  test("takes a caller who says nothing of himself for one without a token", async () => {
    const { id } = await addProject(db);
    expect(firstOf(await db.sql("select outcome from public.start_dataset($1)", [id]))).toEqual({
      outcome: "unauthorized",
    });
  });
});

describe("get_dataset_run", () => {
  const getRun = (run: string) => db.sql("select * from public.get_dataset_run($1)", [run]);
  const WAITING = { error_code: null, error_message: null, dataset_name: null, gcs_url: null, size: null };

  test("tells the state of a run that goes on", async () => {
    const { run, attempt } = await addRunningProject(db);
    await call(db, "public.report_progress($1, $2, 'transferring')", [run, attempt]);
    expect(await getRun(run)).toEqual([{ ...WAITING, state: "running" }]);
  });

  test("tells what a run that succeeded brought", async () => {
    const { run, attempt } = await addRunningProject(db);
    await call(db, PUBLISH, [run, attempt]);
    expect(await getRun(run)).toEqual([
      {
        state: "succeeded",
        error_code: null,
        error_message: null,
        dataset_name: "vega/seattle-weather",
        gcs_url: "gs://bucket/raw/vega_seattle-weather_v3.zip",
        size: "4.20 GB",
      },
    ]);
  });

  test("tells why a run failed, and of no dataset that an earlier one brought", async () => {
    const { id, run, attempt } = await addRunningProject(db);
    await call(db, PUBLISH, [run, attempt]);
    await db.sql("update public.projects set status = 'pending_dataset' where id = $1", [id]);
    const next = await runOf(db, id);
    await db.sql("select public.claim_run($1), public.start_run($1, 1, 'e')", [next.id]);
    await call(db, "public.fail_run($1, 1, 'no_suitable_dataset', 'Nothing fits.')", [next.id]);
    expect(await getRun(next.id)).toEqual([
      { ...WAITING, state: "failed", error_code: "no_suitable_dataset", error_message: "Nothing fits." },
    ]);
  });

  test("knows neither what is not there nor runs of other kinds", async () => {
    const cleanup = await call<string>(db, "corral.enqueue_run('cleanup', 'bucket')");
    expect(await getRun("4242")).toEqual([]);
    expect(await getRun(cleanup)).toEqual([]);
  });
});

describe("get_dataset_status", () => {
  test("tells of a project that nobody has touched that there is nothing", async () => {
    const { id, owner } = await addProject(db);
    expect(await status(id, owner)).toEqual({
      outcome: "found",
      project_status: "draft",
      dataset: null,
      logs: [],
      run: null,
    });
  });

  test("tells the dataset, the ten newest log lines and the newest run", async () => {
    const { id, owner, run, attempt } = await addRunningProject(db);
    for (let line = 1; line <= 11; line++)
      await call(db, "public.record_milestone($1, $2, $3)", [run, attempt, `line ${line}`]);
    await call(db, PUBLISH, [run, attempt]);
    const told = await status(id, owner);
    expect(told).toMatchObject({
      outcome: "found",
      project_status: "pending_training",
      dataset: { project_id: id, name: "vega/seattle-weather", size: "4.20 GB", size_bytes: 4509715661 },
      run: { id: Number(run), state: "succeeded", attempt: 1, phase: "completed" },
    });
    const messages = [
      "Completed: vega/seattle-weather (4.20 GB) is at gs://bucket/raw/vega_seattle-weather_v3.zip",
      ...[11, 10, 9, 8, 7, 6, 5, 4, 3].map((line) => `line ${line}`),
    ];
    expect(told.logs).toEqual(messages.map((message) => expect.objectContaining({ message, project_id: id })));
  });

  test("tells the newest run and the newest dataset where there are several", async () => {
    const { id, owner, run, attempt } = await addRunningProject(db);
    await call(db, PUBLISH, [run, attempt]);
    await db.sql(
      `insert into public.datasets (project_id, name, gcs_url, created_at)
       values ($1, 'newer', 'gs://newer', now() + interval '1 hour'), ($1, 'older', 'gs://older', now() - interval '1 hour')`,
      [id],
    );
    await db.sql("update public.projects set status = 'pending_dataset' where id = $1", [id]);
    expect(await status(id, owner)).toMatchObject({ dataset: { name: "newer" }, run: { state: "queued" } });
  });

  test("is for the owner, for admins, and for callers without a token in open_enrollment mode", async () => {
    const { id, owner } = await addProject(db);
    const outcome = async (user: string | null, admin = false) => (await status(id, user, admin)).outcome;
    expect(await outcome(owner)).toBe("found");
    expect(await outcome(null, true)).toBe("found");
    expect(await outcome(await addUser(db))).toBe("project_not_found");
    expect(await outcome(null)).toBe("unauthorized");
    await open("open_enrollment");
    expect(await outcome(null)).toBe("found");
  });
});

describe("set_auto_ingestion", () => {
  const set = (on: boolean, user: string | null, admin: boolean) =>
    call(db, "public.set_auto_ingestion($1, $2, $3)", [on, user, admin]);
  const isOn = async () => firstOf(await db.sql("select auto_ingestion from public.get_health()")).auto_ingestion;

  test("switches for an admin, and says whether that changed anything", async () => {
    expect(await set(false, null, true)).toBe("changed");
    expect(await isOn()).toBe(false);
    expect(await set(false, null, true)).toBe("unchanged");
    expect(await set(true, null, true)).toBe("changed");
    expect(await set(true, null, true)).toBe("unchanged");
    expect(await isOn()).toBe(true);
  });

  test("picks up the projects that are waiting, and no others", async () => {
    await setAuto(false);
    const { id: waiting } = await addProject(db, { status: "pending_dataset" });
    const { id: draft } = await addProject(db);
    const running = await addProject(db);
    await start(running.id, running.owner);
    await set(true, null, true);
    expect(await runsOf(db, waiting)).toMatchObject([{ state: "queued" }]);
    expect(await runsOf(db, draft)).toEqual([]);
    expect(await runsOf(db, running.id)).toHaveLength(1);
  });

  test("picks up nothing when it is switched off", async () => {
    await setAuto(false);
    const { id } = await addProject(db, { status: "pending_dataset" });
    expect(await set(false, null, true)).toBe("unchanged");
    expect(await runsOf(db, id)).toEqual([]);
  });

  test("is forbidden to users, and to callers without a token unless open_admin is on", async () => {
    const user = await addUser(db);
    expect(await set(false, user, false)).toBe("forbidden");
    expect(await set(false, null, false)).toBe("unauthorized");
    await open("open_enrollment");
    expect(await set(false, null, false)).toBe("unauthorized");
    await open("open_admin");
    expect(await set(false, user, false)).toBe("forbidden");
    expect(await isOn()).toBe(true);
    expect(await set(false, null, false)).toBe("changed");
    expect(await isOn()).toBe(false);
  });
});

test("get_health tells the switch and how long a start may wait", async () => {
  expect(await db.sql("select * from public.get_health()")).toEqual([
    { auto_ingestion: true, dataset_wait_seconds: 60, dataset_wait_ceiling_seconds: 140 },
  ]);
});
