import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import {
  addProject,
  addRunningProject,
  call,
  firstOf,
  runOf,
  secondsBetween,
  startContainer,
  statusOf,
} from "./scene.ts";

let db: TestDatabase;
const now = new Date("2030-01-01T00:00:00Z");
beforeAll(async () => {
  db = await cloneDatabase();
  await db.setNow(now.toISOString());
});
afterAll(() => db.drop());

const fail = (run: string, attempt: number, retryable = true, retryAfter: number | null = null) =>
  call<string>(db, "public.fail_run($1, $2, 'kaggle_unavailable', 'Kaggle does not answer.', $3, $4)", [
    run,
    attempt,
    retryable,
    retryAfter,
  ]);
const makeDue = (run: string) => db.sql("update corral.runs set run_after = corral.now() where id = $1", [run]);
const logsOf = (project: string) =>
  db.sql("select agent_name, message, log_level from public.agent_logs where project_id = $1 order by id", [project]);
const messagesOf = (owner: string | null) =>
  db.sql("select role, content from public.messages where user_id = $1 order by id", [owner]);

describe("an attempt that fails and may be repeated", () => {
  test("leaves the run in the queue, later, with its reason", async () => {
    const { id, run } = await addRunningProject(db);
    expect(await fail(run, 1)).toBe("retrying");
    const row = await runOf(db, id);
    expect(row).toMatchObject({
      state: "queued",
      attempt: 1,
      failures: 1,
      lease_expires_at: null,
      error_code: "kaggle_unavailable",
      error_message: "Kaggle does not answer.",
      redeliver_at: row.run_after,
    });
    expect(secondsBetween(now, row.run_after)).toBeGreaterThanOrEqual(5);
    expect(await statusOf(db, id)).toBe("pending_dataset");
  });

  test("is told in the project's log, not to its owner", async () => {
    const { id, owner, run } = await addRunningProject(db);
    await fail(run, 1);
    expect(await logsOf(id)).toEqual([
      {
        agent_name: "dataset",
        log_level: "warning",
        message: "Attempt 1 failed and is repeated: Kaggle does not answer.",
      },
    ]);
    expect(await messagesOf(owner)).toEqual([]);
  });

  test("is not repeated before the time that was asked for, nor all at the same time", async () => {
    const waits: number[] = [];
    for (let count = 0; count < 10; count++) {
      const { id, run } = await addRunningProject(db);
      await fail(run, 1, true, 100);
      waits.push(secondsBetween(now, (await runOf(db, id)).run_after));
    }
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...waits)).toBeLessThanOrEqual(110);
    expect(new Set(waits).size).toBeGreaterThan(1);
  });

  test("waits a day at most, whatever was asked for", async () => {
    const { id, run } = await addRunningProject(db);
    await fail(run, 1, true, 10_000_000);
    expect(secondsBetween(now, (await runOf(db, id)).run_after)).toBeLessThanOrEqual(86_400 * 1.1);
  });

  test("answers the same when the same failure is reported twice, and counts it once", async () => {
    const { id, run } = await addRunningProject(db);
    await fail(run, 1);
    expect(await fail(run, 1)).toBe("retrying");
    expect((await runOf(db, id)).failures).toBe(1);
  });
});

describe("the pause between attempts", () => {
  const backoffs = async (failures: number) =>
    (
      await db.sql<{ seconds: number }>(
        "select extract(epoch from corral.backoff($1))::float8 as seconds from generate_series(1, 40)",
        [failures],
      )
    ).map(({ seconds }) => seconds);

  test.each([
    [1, 5, 10],
    [2, 10, 20],
    [3, 20, 40],
    [7, 320, 640],
    [8, 450, 900],
    [1000, 450, 900],
  ])("after %i failures is random between %i and %i seconds", async (failures, least, most) => {
    const seconds = await backoffs(failures);
    expect(Math.min(...seconds)).toBeGreaterThanOrEqual(least);
    expect(Math.max(...seconds)).toBeLessThanOrEqual(most);
    expect(new Set(seconds).size).toBeGreaterThan(30);
    expect(Math.max(...seconds) - Math.min(...seconds)).toBeGreaterThan((most - least) / 2);
  });
});

describe("a run that is given up", () => {
  test("fails with its project, and the owner reads why", async () => {
    const { id, owner, run } = await addRunningProject(db);
    expect(await fail(run, 1, false)).toBe("failed");
    expect(await runOf(db, id)).toMatchObject({
      state: "failed",
      failures: 1,
      lease_expires_at: null,
      finished_at: now,
      error_code: "kaggle_unavailable",
      error_message: "Kaggle does not answer.",
    });
    expect(await statusOf(db, id)).toBe("failed");
    expect(await logsOf(id)).toEqual([
      { agent_name: "dataset", log_level: "error", message: "Kaggle does not answer." },
    ]);
    expect(await messagesOf(owner)).toEqual([
      { role: "assistant", content: "Could not get a dataset for your project: Kaggle does not answer." },
    ]);
  });

  test("is given up after as many failures as it may have", async () => {
    const { id } = await addProject(db, { status: "pending_dataset" });
    const outcomes: string[] = [];
    for (let round = 0; round < 5; round++) {
      const { run, attempt } = await startContainer(db, id);
      outcomes.push(await fail(run, attempt));
      await makeDue(run);
    }
    expect(outcomes).toEqual(["retrying", "retrying", "retrying", "retrying", "failed"]);
    expect(await statusOf(db, id)).toBe("failed");
  });

  test("is not given up for attempts that were told to stop", async () => {
    const { id } = await addProject(db, { status: "pending_dataset" });
    for (let round = 0; round < 6; round++) {
      const { run, attempt } = await startContainer(db, id);
      await call(db, "public.release_run($1, $2)", [run, attempt]);
    }
    const { run, attempt } = await startContainer(db, id);
    expect(attempt).toBe(7);
    expect(await fail(run, attempt)).toBe("retrying");
  });

  test("answers the same when the same failure is reported twice, and tells it once", async () => {
    const { owner, run } = await addRunningProject(db);
    await fail(run, 1, false);
    expect(await fail(run, 1, false)).toBe("failed");
    expect(await messagesOf(owner)).toHaveLength(1);
  });

  test("tells nobody when the project has no owner", async () => {
    const before = firstOf(await db.sql("select count(*) from public.messages"));
    const { id, run } = await addRunningProject(db, { user_id: null });
    expect(await fail(run, 1, false)).toBe("failed");
    expect(await logsOf(id)).toHaveLength(1);
    expect(firstOf(await db.sql("select count(*) from public.messages"))).toEqual(before);
  });

  test("leaves no trace in anybody's log when it is about no project", async () => {
    const before = firstOf(await db.sql("select count(*) from public.agent_logs"));
    await call(db, "corral.enqueue_run('cleanup', 'bucket')");
    const { run } = await startContainer(db, "bucket");
    expect(await fail(run, 1, false)).toBe("failed");
    expect(firstOf(await db.sql("select count(*) from public.agent_logs"))).toEqual(before);
  });

  test("can be started again, as a new run", async () => {
    const { id, run } = await addRunningProject(db);
    await fail(run, 1, false);
    await db.sql("update public.projects set status = 'pending_dataset' where id = $1", [id]);
    expect(await runOf(db, id)).toMatchObject({ state: "queued", attempt: 0 });
  });
});

describe("fail_run", () => {
  test("is stale for an attempt that was replaced", async () => {
    const { id, run } = await addRunningProject(db);
    await call(db, "public.release_run($1, 1)", [run]);
    await startContainer(db, id);
    expect(await fail(run, 1)).toBe("stale");
    expect(await runOf(db, id)).toMatchObject({ state: "running", attempt: 2, failures: 0 });
  });

  test("is stale for an attempt whose container never started", async () => {
    const { id } = await addProject(db, { status: "pending_dataset" });
    const { id: run } = await runOf(db, id);
    await db.sql("select * from public.claim_run($1)", [run]);
    expect(await fail(run, 1)).toBe("stale");
  });
});

describe("fail_launch", () => {
  const failLaunch = (run: string, attempt: number) =>
    call(db, "public.fail_launch($1, $2, 'quota exceeded')", [run, attempt]);

  test("sends the run back to the queue, later", async () => {
    const { id } = await addProject(db, { status: "pending_dataset" });
    const { id: run } = await runOf(db, id);
    await db.sql("select * from public.claim_run($1)", [run]);
    expect(await failLaunch(run, 1)).toBe(true);
    const row = await runOf(db, id);
    expect(row).toMatchObject({
      state: "queued",
      failures: 1,
      error_code: "launch_failed",
      error_message: "The container could not be launched: quota exceeded",
    });
    expect(secondsBetween(now, row.run_after)).toBeGreaterThanOrEqual(5);
  });

  test("gives the run up when that was the last attempt", async () => {
    const { id } = await addProject(db, { status: "pending_dataset" });
    const { id: run } = await runOf(db, id);
    await db.sql("update corral.runs set max_attempts = 1 where id = $1", [run]);
    await db.sql("select * from public.claim_run($1)", [run]);
    expect(await failLaunch(run, 1)).toBe(true);
    expect(await statusOf(db, id)).toBe("failed");
  });

  test("leaves a container alone that started after all", async () => {
    const { id, run } = await addRunningProject(db);
    expect(await failLaunch(run, 1)).toBe(false);
    expect((await runOf(db, id)).state).toBe("running");
  });

  test("knows only the newest attempt", async () => {
    const { id } = await addProject(db, { status: "pending_dataset" });
    const { id: run } = await runOf(db, id);
    await db.sql("select * from public.claim_run($1)", [run]);
    expect(await failLaunch(run, 2)).toBe(false);
    expect((await runOf(db, id)).state).toBe("launching");
  });
});
