import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import { addProject, addRunningProject, call, firstOf, PUBLISH, runOf, runsOf, statusOf } from "./scene.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
});
afterAll(() => db.drop());

const setStatus = (project: string, status: string) =>
  db.sql("update public.projects set status = $2 where id = $1", [project, status]);
const statesOf = async (project: string) => (await runsOf(db, project)).map(({ state }) => state);
const setAuto = (on: boolean) => db.sql("update corral.settings set auto_ingestion = $1", [on]);

describe("a project that enters pending_dataset", () => {
  test("gets a run when it is inserted so", async () => {
    const { id } = await addProject(db, { status: "pending_dataset" });
    expect(await runsOf(db, id)).toMatchObject([
      { kind: "kaggle-to-gcs", state: "queued", attempt: 0, failures: 0, max_attempts: 5, project_id: id },
    ]);
  });

  test("gets a run when it is updated so", async () => {
    const { id } = await addProject(db);
    expect(await runsOf(db, id)).toEqual([]);
    await setStatus(id, "pending_dataset");
    expect(await statesOf(id)).toEqual(["queued"]);
  });

  test("does not get a second run while one is live", async () => {
    const { id } = await addProject(db, { status: "pending_dataset" });
    await setStatus(id, "pending_dataset");
    expect(await statesOf(id)).toEqual(["queued"]);
  });

  test("gets another run when the earlier one is over", async () => {
    const { id, run, attempt } = await addRunningProject(db);
    await call(db, PUBLISH, [run, attempt]);
    await setStatus(id, "pending_dataset");
    expect(await statesOf(id)).toEqual(["succeeded", "queued"]);
  });

  test("gets no run while automatic ingestion is off", async () => {
    await setAuto(false);
    const { id } = await addProject(db, { status: "pending_dataset" });
    await setAuto(true);
    expect(await runsOf(db, id)).toEqual([]);
  });

  test("makes as many attempts as the settings say", async () => {
    await db.sql("update corral.settings set max_attempts = 2");
    const { id } = await addProject(db, { status: "pending_dataset" });
    await db.sql("update corral.settings set max_attempts = default");
    expect((await runOf(db, id)).max_attempts).toBe(2);
  });
});

describe("a project that leaves pending_dataset by hand", () => {
  test.each(["draft", "pending_training", "training", "completed", "failed"])(
    "loses its live run to %s",
    async (status) => {
      const { id, run, attempt } = await addRunningProject(db);
      await setStatus(id, status);
      expect(await runOf(db, id)).toMatchObject({
        state: "cancelled",
        lease_expires_at: null,
        error_code: "project_changed",
        error_message: `The project was set to ${status}.`,
        finished_at: expect.any(Date),
      });
      expect(await call(db, "public.report_progress($1, $2, 'transferring')", [run, attempt])).toBe("stop");
    },
  );

  test("gets a new run when it comes back, and the old attempt can publish nothing", async () => {
    const { id, run, attempt } = await addRunningProject(db);
    await setStatus(id, "draft");
    await setStatus(id, "pending_dataset");
    expect(await statesOf(id)).toEqual(["cancelled", "queued"]);
    expect(await call(db, PUBLISH, [run, attempt])).toBe("stale");
    expect(await statusOf(db, id)).toBe("pending_dataset");
    expect(await db.sql("select from public.datasets where project_id = $1", [id])).toEqual([]);
  });

  test("keeps what it has had", async () => {
    const { id, run, attempt } = await addRunningProject(db);
    await call(db, PUBLISH, [run, attempt]);
    await setStatus(id, "draft");
    expect(await statesOf(id)).toEqual(["succeeded"]);
  });
});

describe("a project that is deleted", () => {
  test("takes its live run with it, whose attempt can write nothing more", async () => {
    const { id, run, attempt } = await addRunningProject(db);
    await db.sql("delete from public.projects where id = $1", [id]);
    expect(await runOf(db, id)).toMatchObject({
      state: "cancelled",
      error_code: "project_not_found",
      error_message: "The project was deleted.",
    });
    expect(await call(db, "public.record_milestone($1, $2, 'Searching')", [run, attempt])).toBe(false);
    expect(await call(db, PUBLISH, [run, attempt])).toBe("stale");
    expect(await call(db, "public.fail_run($1, $2, 'internal_error', 'No.')", [run, attempt])).toBe("stale");
    expect(firstOf(await db.sql("select outcome from public.get_dataset_task($1, $2)", [run, attempt]))).toEqual({
      outcome: "stale",
    });
  });

  test("loses its live run as well when it takes another id", async () => {
    const { id } = await addRunningProject(db);
    await db.sql("update public.projects set id = gen_random_uuid() where id = $1", [id]);
    expect(await statesOf(id)).toEqual(["cancelled"]);
  });

  test("does not lose it when an update names the same id", async () => {
    const { id } = await addRunningProject(db);
    await db.sql("update public.projects set id = id, name = 'New name' where id = $1", [id]);
    expect(await statesOf(id)).toEqual(["running"]);
  });
});

test("a project notes when it was last changed", async () => {
  const { id } = await addProject(db);
  await db.sql("update public.projects set updated_at = '2000-01-01', name = 'Other' where id = $1", [id]);
  const [row] = await db.sql("select updated_at > created_at as later, name from public.projects where id = $1", [id]);
  expect(row).toEqual({ later: true, name: "Other" });
});
