import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import {
  addProject,
  addRunningProject,
  call,
  firstOf,
  runOf,
  runsOf,
  secondsBetween,
  startContainer,
  statusOf,
} from "./scene.ts";

let db: TestDatabase;
const START = "2030-01-01T00:00:00Z";
beforeEach(async () => {
  db = await cloneDatabase();
  await db.setNow(START);
});
afterEach(() => db.drop());

const pass = async (seconds: number) => {
  const now = new Date(Date.parse(START) + seconds * 1000);
  await db.setNow(now.toISOString());
  return now;
};
const sweep = async () => firstOf(await db.sql("select * from corral.sweep()"));
const addLaunching = async () => {
  const { id, owner } = await addProject(db, { status: "pending_dataset" });
  const { id: run } = await runOf(db, id);
  await db.sql("select public.claim_run($1)", [run]);
  return { id, owner, run };
};

describe("a container that falls silent", () => {
  test("has sixty seconds", async () => {
    const { id } = await addRunningProject(db);
    await pass(60);
    expect(await sweep()).toEqual({ expired: 0, redelivered: 0, enqueued: 0 });
    expect((await runOf(db, id)).state).toBe("running");
  });

  test("loses the run then, which goes back to the queue with a pause", async () => {
    const { id } = await addRunningProject(db);
    const now = await pass(60.1);
    expect(await sweep()).toEqual({ expired: 1, redelivered: 0, enqueued: 0 });
    const run = await runOf(db, id);
    expect(run).toMatchObject({
      state: "queued",
      failures: 1,
      error_code: "lease_expired",
      error_message: "The container stopped reporting.",
    });
    const pause = secondsBetween(now, run.run_after);
    expect(pause).toBeGreaterThanOrEqual(5);
    expect(pause).toBeLessThanOrEqual(10);
  });

  test("keeps the run as long as it reports", async () => {
    const { id, run } = await addRunningProject(db);
    await pass(50);
    await call(db, "public.report_progress($1, 1, 'transferring')", [run]);
    await pass(100);
    expect(await sweep()).toMatchObject({ expired: 0 });
    expect((await runOf(db, id)).state).toBe("running");
  });

  test("can write nothing when it wakes up after another attempt began", async () => {
    const { id, run } = await addRunningProject(db);
    await pass(100);
    await sweep();
    await pass(200);
    await startContainer(db, id);
    expect(await call(db, "public.report_progress($1, 1, 'transferring')", [run])).toBe("stop");
    expect(await runOf(db, id)).toMatchObject({ state: "running", attempt: 2 });
  });

  test("fails its project after five such attempts, and the owner reads why", async () => {
    const { id, owner } = await addRunningProject(db);
    for (let attempt = 2; attempt <= 5; attempt++) {
      await pass(attempt * 1000);
      await sweep();
      await pass(attempt * 1000 + 500);
      await startContainer(db, id);
    }
    expect(await statusOf(db, id)).toBe("pending_dataset");
    await pass(6000);
    expect(await sweep()).toEqual({ expired: 1, redelivered: 0, enqueued: 0 });
    expect(await runOf(db, id)).toMatchObject({
      state: "failed",
      attempt: 5,
      failures: 5,
      error_code: "lease_expired",
    });
    expect(await statusOf(db, id)).toBe("failed");
    expect(await db.sql("select content from public.messages where user_id = $1", [owner])).toEqual([
      { content: "Could not get a dataset for your project: The container stopped reporting." },
    ]);
  });
});

describe("a container that does not come up", () => {
  test("has ten minutes", async () => {
    const { id } = await addLaunching();
    await pass(600);
    expect(await sweep()).toMatchObject({ expired: 0 });
    await pass(601);
    expect(await sweep()).toMatchObject({ expired: 1 });
    expect(await runOf(db, id)).toMatchObject({
      state: "queued",
      failures: 1,
      error_message: "The container did not start in time.",
    });
  });

  test("finds its place taken when it comes up after that", async () => {
    const { run } = await addLaunching();
    await pass(601);
    await sweep();
    expect(firstOf(await db.sql("select outcome from public.start_run($1, 1, 'late')", [run]))).toEqual({
      outcome: "stale",
    });
  });
});

describe("a run about no project", () => {
  test("is repeated and given up like any other", async () => {
    await call(db, "corral.enqueue_run('cleanup', 'bucket')");
    await startContainer(db, "bucket");
    await db.sql("update corral.runs set max_attempts = 2");
    await pass(100);
    expect(await sweep()).toMatchObject({ expired: 1 });
    await pass(200);
    await startContainer(db, "bucket");
    await pass(300);
    expect(await sweep()).toMatchObject({ expired: 1 });
    expect(await runOf(db, "bucket")).toMatchObject({ state: "failed", failures: 2 });
  });
});

describe("a project that waits without a run", () => {
  const addWaiting = async () => {
    await db.sql("update corral.settings set auto_ingestion = false");
    const { id } = await addProject(db, { status: "pending_dataset" });
    return id;
  };

  test("gets one while automatic ingestion is on", async () => {
    const id = await addWaiting();
    await db.sql("update corral.settings set auto_ingestion = true");
    expect(await sweep()).toEqual({ expired: 0, redelivered: 0, enqueued: 1 });
    expect(await runsOf(db, id)).toMatchObject([{ state: "queued" }]);
    expect(await sweep()).toMatchObject({ enqueued: 0 });
  });

  test("goes on waiting while it is off", async () => {
    const id = await addWaiting();
    expect(await sweep()).toEqual({ expired: 0, redelivered: 0, enqueued: 0 });
    expect(await runsOf(db, id)).toEqual([]);
  });
});

describe("what somebody holds locked", () => {
  test.each([
    ["project", "select from public.projects where id = $1 for no key update"],
    ["run", "select from corral.runs where subject = $1 for no key update"],
  ])("is left for the next sweep: a %s", async (_, lock) => {
    const held = await addRunningProject(db);
    const free = await addRunningProject(db);
    await pass(100);
    const client = await db.connect();
    await client.query("begin");
    await client.query(lock, [held.id]);
    expect(await sweep()).toMatchObject({ expired: 1 });
    expect((await runOf(db, held.id)).state).toBe("running");
    expect((await runOf(db, free.id)).state).toBe("queued");
    await client.query("commit");
    expect(await sweep()).toMatchObject({ expired: 1 });
    expect((await runOf(db, held.id)).state).toBe("queued");
  });
});

describe("the cost of a sweep", () => {
  test("grows neither with the history nor with what is not due: no step reads any of it", async () => {
    await db.sql(
      `insert into corral.runs (kind, subject, max_attempts, state, finished_at)
       select 'kaggle-to-gcs', gen_random_uuid()::text, 5, 'succeeded', corral.now() from generate_series(1, 20000)`,
    );
    await db.sql(
      `insert into corral.runs (kind, subject, max_attempts, run_after, redeliver_at)
       select 'kaggle-to-gcs', gen_random_uuid()::text, 5, corral.now() + interval '1 hour', corral.now() + interval '1 hour'
         from generate_series(1, 5000)`,
    );
    await db.sql("insert into public.projects (status) select 'completed' from generate_series(1, 5000)");
    await db.sql("analyze corral.runs, public.projects");
    const client = await db.connect();
    const countRead = async () =>
      firstOf(
        (
          await client.query(
            `select sum(pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid))::int as rows
               from pg_class where oid in ('corral.runs'::regclass, 'public.projects'::regclass)`,
          )
        ).rows,
      ).rows;
    await client.query("begin");
    const before = await countRead();
    await client.query("select corral.sweep()");
    expect((await countRead()) - before).toBe(0);
    await client.query("commit");
  });

  test("the sweeps are scheduled every ten seconds, the cleanups daily", async () => {
    const jobs = await db.sql("select jobname, schedule, command, username, active from cron.job order by jobid");
    const job = (jobname: string, schedule: string, call: string) => ({
      jobname,
      schedule,
      command: `select corral.${call}()`,
      username: "postgres",
      active: true,
    });
    expect(jobs).toEqual([
      job("corral-sweep", "10 seconds", "sweep"),
      job("corral-cleanup", "17 3 * * *", "cleanup"),
      job("corral-sweep-tasks", "10 seconds", "sweep_tasks"),
      job("corral-forget-jobs", "27 3 * * *", "forget_old_jobs"),
      job("corral-sweep-queries", "10 seconds", "sweep_queries"),
      job("corral-seal-audit", "10 seconds", "seal_audit"),
      job("corral-anchor-seals", "* * * * *", "announce_seals"),
      job("corral-cleanup-data", "7 3 * * *", "cleanup_data"),
    ]);
  });
});
