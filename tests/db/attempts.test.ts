import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import {
  addProject,
  addRunningProject,
  call,
  firstOf,
  PUBLISH,
  type Run,
  runOf,
  secondsBetween,
  startContainer,
} from "./scene.ts";

let db: TestDatabase;
let now: Date;
beforeAll(async () => {
  db = await cloneDatabase();
  now = new Date("2030-01-01T00:00:00Z");
  await db.setNow(now.toISOString());
});
afterAll(() => db.drop());

const claim = async (run: string) => firstOf(await db.sql("select * from public.claim_run($1)", [run]));
const start = async (run: string, attempt: number) =>
  firstOf(await db.sql("select * from public.start_run($1, $2, 'local-execution')", [run, attempt]));
const addQueued = async () => runOf(db, (await addProject(db, { status: "pending_dataset" })).id);
const addClaimed = async () => {
  const run = await addQueued();
  await claim(run.id);
  return run;
};
const read = async (id: string): Promise<Run> =>
  firstOf(await db.sql<Run>("select * from corral.runs where id = $1", [id]));
/** Puts a claimed run back into the queue and claims it again, so that attempt 1 is a thing of the past. */
const addSuperseded = async () => {
  const run = await addClaimed();
  await start(run.id, 1);
  await call(db, "public.release_run($1, 1)", [run.id]);
  await claim(run.id);
  return run;
};

describe("claim_run", () => {
  test("takes a due run as its first attempt and gives it the launch lease", async () => {
    const { id } = await addQueued();
    expect(await claim(id)).toEqual({ outcome: "claimed", kind: "kaggle-to-gcs", attempt: 1 });
    const run = await read(id);
    expect(run).toMatchObject({ state: "launching", attempt: 1, claimed_at: now });
    expect(secondsBetween(now, run.lease_expires_at)).toBe(600);
  });

  test("gives a run away once", async () => {
    const { id } = await addQueued();
    await claim(id);
    expect(await claim(id)).toEqual({ outcome: "gone", kind: null, attempt: null });
  });

  test("leaves a run alone that is not due", async () => {
    const { id } = await addQueued();
    await db.sql("update corral.runs set run_after = $2::timestamptz + interval '1 second' where id = $1", [id, now]);
    expect(await claim(id)).toEqual({ outcome: "not_due", kind: null, attempt: null });
    expect((await read(id)).state).toBe("queued");
  });

  test("knows no run that is not there", async () => {
    expect((await claim("4242")).outcome).toBe("gone");
  });

  test("forgets what the attempt before left", async () => {
    const { run } = await addRunningProject(db);
    await call(db, `public.report_progress($1, 1, 'transferring', '{"bytes": 1}')`, [run]);
    await call(db, "public.release_run($1, 1)", [run]);
    await claim(run);
    expect(await read(run)).toMatchObject({
      attempt: 2,
      execution: null,
      launched_at: null,
      started_at: null,
      phase: null,
      progress: null,
    });
  });
});

describe("record_launch", () => {
  const record = (run: string, attempt: number) =>
    call(db, "public.record_launch($1, $2, 'projects/p/executions/e')", [run, attempt]);

  test("notes the execution of the attempt that waits for its container", async () => {
    const { id } = await addClaimed();
    expect(await record(id, 1)).toBe(true);
    expect(await read(id)).toMatchObject({
      state: "launching",
      execution: "projects/p/executions/e",
      launched_at: now,
    });
  });

  test("notes it as well when the container was faster", async () => {
    const { run } = await addRunningProject(db);
    expect(await record(run, 1)).toBe(true);
    expect(await read(run)).toMatchObject({ state: "running", execution: "projects/p/executions/e" });
  });

  test("notes nothing of an attempt that is no longer current", async () => {
    const { id } = await addSuperseded();
    expect(await record(id, 1)).toBe(false);
    expect((await read(id)).execution).toBeNull();
  });

  test("notes nothing of a run that is over", async () => {
    const { run } = await addRunningProject(db);
    await call(db, "public.fail_run($1, 1, 'internal_error', 'No.')", [run]);
    expect(await record(run, 1)).toBe(false);
  });
});

describe("start_run", () => {
  test("begins the attempt and answers what it is about and how long it may stay silent", async () => {
    const { id, subject } = await addClaimed();
    expect(await start(id, 1)).toEqual({
      outcome: "started",
      kind: "kaggle-to-gcs",
      subject,
      args: {},
      lease_seconds: 60,
    });
    const run = await read(id);
    expect(run).toMatchObject({ state: "running", execution: "local-execution", started_at: now });
    expect(secondsBetween(now, run.lease_expires_at)).toBe(60);
  });

  test("keeps the execution's full name where dispatch has noted it", async () => {
    const { id } = await addClaimed();
    await call(db, "public.record_launch($1, 1, 'projects/p/executions/e')", [id]);
    await start(id, 1);
    expect((await read(id)).execution).toBe("projects/p/executions/e");
  });

  test.each([
    ["a second time", async () => (await addRunningProject(db)).run],
    ["that was never claimed", async () => (await addQueued()).id],
    ["that was superseded", async () => (await addSuperseded()).id],
  ])("begins no attempt %s", async (_, prepare) => {
    const id = await prepare();
    const before = await read(id);
    expect(await start(id, 1)).toEqual({
      outcome: "stale",
      kind: null,
      subject: null,
      args: null,
      lease_seconds: null,
    });
    expect(await read(id)).toEqual(before);
  });
});

describe("report_progress", () => {
  const report = (run: string, attempt: number) =>
    call(db, `public.report_progress($1, $2, 'transferring', '{"bytes": 7}')`, [run, attempt]);

  test("notes how far the attempt is, and gives it a new lease", async () => {
    const { run } = await addRunningProject(db);
    await db.sql("update corral.runs set lease_expires_at = $2 where id = $1", [run, now]);
    expect(await report(run, 1)).toBe("continue");
    const row = await read(run);
    expect(row).toMatchObject({ state: "running", phase: "transferring", progress: { bytes: 7 }, reported_at: now });
    expect(secondsBetween(now, row.lease_expires_at)).toBe(60);
  });

  test("touches no index", async () => {
    const { run } = await addRunningProject(db);
    await db.sql("update corral.runs set lease_expires_at = $2 where id = $1", [run, now]);
    const client = await db.connect();
    const countHot = async () =>
      firstOf(
        (await client.query("select pg_stat_get_xact_tuples_hot_updated('corral.runs'::regclass)::int as hot")).rows,
      ).hot;
    await client.query("begin");
    const before = await countHot();
    await client.query("select public.report_progress($1, 1, 'transferring')", [run]);
    expect((await countHot()) - before).toBe(1);
    await client.query("commit");
  });

  test.each([
    ["that waits for its container", async () => (await addClaimed()).id],
    ["that was superseded", async () => (await addSuperseded()).id],
  ])("stops an attempt %s", async (_, prepare) => {
    const id = await prepare();
    const before = await read(id);
    expect(await report(id, 1)).toBe("stop");
    expect(await read(id)).toEqual(before);
  });
});

describe("release_run", () => {
  const release = (run: string, attempt: number) => call(db, "public.release_run($1, $2)", [run, attempt]);

  test("puts the run back, due at once, without counting a failure", async () => {
    const { run } = await addRunningProject(db);
    expect(await release(run, 1)).toBe(true);
    expect(await read(run)).toMatchObject({
      state: "queued",
      attempt: 1,
      failures: 0,
      run_after: now,
      lease_expires_at: null,
    });
    expect(await claim(run)).toMatchObject({ outcome: "claimed", attempt: 2 });
  });

  test("answers the same when it is asked twice", async () => {
    const { run } = await addRunningProject(db);
    await release(run, 1);
    expect(await release(run, 1)).toBe(true);
  });

  test("releases nothing that another attempt has", async () => {
    const { id } = await addSuperseded();
    expect(await release(id, 1)).toBe(false);
    expect(await read(id)).toMatchObject({ state: "launching", attempt: 2 });
  });
});

describe("finish_run", () => {
  const finish = (run: string, attempt: number) =>
    call(db, `public.finish_run($1, $2, '{"deleted": 3}')`, [run, attempt]);
  const addCleanup = async () => {
    await db.sql("delete from corral.runs where kind = 'cleanup'");
    await call(db, "corral.enqueue_run('cleanup', 'bucket')");
    return startContainer(db, "bucket");
  };

  test("ends a run of a kind that publishes nothing, and answers the same again", async () => {
    const { run } = await addCleanup();
    expect(await finish(run, 1)).toBe("finished");
    expect(await read(run)).toMatchObject({
      state: "succeeded",
      progress: { deleted: 3 },
      lease_expires_at: null,
      finished_at: now,
    });
    expect(await finish(run, 1)).toBe("finished");
  });

  test("ends no run for an attempt that is not current", async () => {
    const { run } = await addCleanup();
    expect(await finish(run, 2)).toBe("stale");
    expect((await read(run)).state).toBe("running");
  });

  test("cannot end a dataset run, which ends with its publication", async () => {
    const { run, attempt } = await addRunningProject(db);
    expect(await finish(run, attempt)).toBe("stale");
    expect((await read(run)).state).toBe("running");
    await call(db, PUBLISH, [run, attempt]);
    expect(await finish(run, attempt)).toBe("stale");
  });
});
