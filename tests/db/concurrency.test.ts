import { randomUUID } from "node:crypto";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import {
  addProject,
  addRunningProject,
  call,
  firstOf,
  PUBLISH,
  runOf,
  runsOf,
  startContainer,
  statusOf,
} from "./scene.ts";
import { startBlocked } from "./wait-for-lock.ts";

let db: TestDatabase;
let first: pg.Client;
beforeAll(async () => {
  db = await cloneDatabase();
  first = await db.connect();
});
afterAll(() => db.drop());

const START = "select * from public.start_dataset($1, $2)";
const SWEEP = "select * from corral.sweep()";
const REPORT = "select public.report_progress($1, 1, 'transferring') as outcome";
const publish = `select ${PUBLISH} as outcome`;
const expire = (run: string) =>
  db.sql("update corral.runs set lease_expires_at = corral.now() - interval '1 second' where id = $1", [run]);

/** Runs a statement on the first connection and holds its locks until `commit`. */
async function hold(statement: string, params: unknown[] = []): Promise<Record<string, unknown>> {
  await first.query("begin");
  return firstOf((await first.query(statement, params)).rows);
}
const commit = () => first.query("commit");

describe("two at the same time", () => {
  test("starts of one project: the second joins the run of the first", async () => {
    const { id, owner } = await addProject(db);
    const started = await hold(START, [id, owner]);
    const second = await startBlocked(db, START, [id, owner]);
    await commit();
    expect(await second.result).toEqual({ ...started, outcome: "joined" });
    expect(started.outcome).toBe("started");
    expect(await runsOf(db, id)).toHaveLength(1);
  });

  test("changes to pending_dataset: one run", async () => {
    const { id } = await addProject(db);
    const update = "update public.projects set status = 'pending_dataset' where id = $1 returning id";
    await hold(update, [id]);
    const second = await startBlocked(db, update, [id]);
    await commit();
    await second.result;
    expect(await runsOf(db, id)).toHaveLength(1);
  });

  test("claims of one run: the second finds it gone", async () => {
    const { id } = await addProject(db, { status: "pending_dataset" });
    const { id: run } = await runOf(db, id);
    expect(await hold("select * from public.claim_run($1)", [run])).toMatchObject({ outcome: "claimed", attempt: 1 });
    const second = await startBlocked(db, "select * from public.claim_run($1)", [run]);
    await commit();
    expect(await second.result).toMatchObject({ outcome: "gone" });
    expect((await runOf(db, id)).attempt).toBe(1);
  });

  test("containers of one attempt: the second is stale", async () => {
    const { id } = await addProject(db, { status: "pending_dataset" });
    const { id: run } = await runOf(db, id);
    await db.sql("select public.claim_run($1)", [run]);
    const start = "select outcome from public.start_run($1, 1, 'e')";
    expect(await hold(start, [run])).toEqual({ outcome: "started" });
    const second = await startBlocked(db, start, [run]);
    await commit();
    expect(await second.result).toEqual({ outcome: "stale" });
  });

  test("publications of one attempt: one dataset, one message, the same answer", async () => {
    const { id, owner, run } = await addRunningProject(db);
    expect(await hold(publish, [run, 1])).toEqual({ outcome: "published" });
    const second = await startBlocked(db, publish, [run, 1]);
    await commit();
    expect(await second.result).toEqual({ outcome: "published" });
    expect(await db.sql("select from public.datasets where project_id = $1", [id])).toHaveLength(1);
    expect(await db.sql("select from public.messages where user_id = $1", [owner])).toHaveLength(1);
  });

  test("savers of credentials: the later ones count", async () => {
    const { id, owner } = await addProject(db);
    const save = "select public.save_kaggle_credentials($1, $2, 'key', $3) as outcome";
    await hold(save, [id, "first", owner]);
    const second = await startBlocked(db, save, [id, "second", owner]);
    await commit();
    expect(await second.result).toEqual({ outcome: "saved" });
    const [secret] = await db.sql<{ username: string }>(
      `select decrypted_secret::jsonb ->> 'username' as username from vault.decrypted_secrets
        where name = 'corral_kaggle_' || $1::text`,
      [id],
    );
    expect(secret?.username).toBe("second");
  });

  test("upserts of one project with credentials: both go through, one after the other", async () => {
    const { id, owner } = await addProject(db);
    const upsert = `insert into public.projects (id, user_id, metadata)
      values ($1, $2, '{"kaggle_credentials": {"username": "a", "key": "b"}}')
      on conflict (id) do update set id = excluded.id, user_id = excluded.user_id, metadata = excluded.metadata
      returning metadata`;
    await hold(upsert, [id, owner]);
    const second = await startBlocked(db, upsert, [id, owner]);
    await commit();
    expect(await second.result).toEqual({ metadata: {} });
  });
});

test("an upsert with credentials while the project is deleted stores none of them in the new row", async () => {
  const { id, owner } = await addProject(db);
  await hold("delete from public.projects where id = $1 returning id", [id]);
  const upsert = await startBlocked(
    db,
    `insert into public.projects (id, user_id, metadata)
     values ($1, $2, '{"kaggle_credentials": {"username": "a", "key": "b"}}')
     on conflict (id) do update set metadata = excluded.metadata returning metadata`,
    [id, owner],
  );
  await commit();
  expect(await upsert.result).toEqual({ metadata: {} });
  expect(await db.sql("select from vault.secrets where name = 'corral_kaggle_' || $1::text", [id])).toHaveLength(1);
});

describe("a report of progress and the sweep", () => {
  test("a report that came just before the sweep keeps the run", async () => {
    const { id, run } = await addRunningProject(db);
    await expire(run);
    expect(await hold(REPORT, [run])).toEqual({ outcome: "continue" });
    expect(firstOf(await db.sql(SWEEP))).toMatchObject({ expired: 0 });
    await commit();
    expect(firstOf(await db.sql(SWEEP))).toMatchObject({ expired: 0 });
    expect((await runOf(db, id)).state).toBe("running");
  });

  test("a report that comes after the sweep has looked, and before it acts, keeps the run", async () => {
    const slow = await addRunningProject(db);
    const alive = await addRunningProject(db);
    await expire(slow.run);
    await expire(alive.run);
    await first.query("begin");
    // The sweep has to stop at its first line of a log.
    await first.query("lock table public.agent_logs in exclusive mode");
    const sweep = await startBlocked(db, SWEEP);
    expect(firstOf(await db.sql(REPORT, [alive.run]))).toEqual({ outcome: "continue" });
    await commit();
    expect(await sweep.result).toMatchObject({ expired: 1 });
    expect((await runOf(db, slow.id)).state).toBe("queued");
    expect((await runOf(db, alive.id)).state).toBe("running");
  });

  test("a report that comes while the sweep takes the run away is told to stop", async () => {
    const { id, run } = await addRunningProject(db);
    await expire(run);
    expect(await hold(SWEEP)).toMatchObject({ expired: 1 });
    const report = await startBlocked(db, REPORT, [run]);
    await commit();
    expect(await report.result).toEqual({ outcome: "stop" });
    expect(await runOf(db, id)).toMatchObject({ state: "queued", failures: 1 });
  });
});

describe("a publication", () => {
  test("that comes while the sweep takes the run away is stale", async () => {
    const { id, run } = await addRunningProject(db);
    await expire(run);
    await hold(SWEEP);
    const publication = await startBlocked(db, publish, [run, 1]);
    await commit();
    expect(await publication.result).toEqual({ outcome: "stale" });
    expect(await statusOf(db, id)).toBe("pending_dataset");
    expect(await db.sql("select from public.datasets where project_id = $1", [id])).toEqual([]);
  });

  test("that is under way is left alone by the sweep", async () => {
    const { id, run } = await addRunningProject(db);
    await expire(run);
    await hold(publish, [run, 1]);
    expect(firstOf(await db.sql(SWEEP))).toMatchObject({ expired: 0 });
    await commit();
    expect(firstOf(await db.sql(SWEEP))).toMatchObject({ expired: 0 });
    expect((await runOf(db, id)).state).toBe("succeeded");
  });

  test("that comes while the project is deleted is stale", async () => {
    const { id, run } = await addRunningProject(db);
    await hold("delete from public.projects where id = $1 returning id", [id]);
    const publication = await startBlocked(db, publish, [run, 1]);
    await commit();
    expect(await publication.result).toEqual({ outcome: "stale" });
    expect((await runOf(db, id)).state).toBe("cancelled");
  });

  test("that is under way is finished before the project is deleted", async () => {
    const { id, run } = await addRunningProject(db);
    await hold(publish, [run, 1]);
    const deletion = await startBlocked(db, "delete from public.projects where id = $1 returning id", [id]);
    await commit();
    await deletion.result;
    expect(await db.sql("select from public.datasets where project_id = $1", [id])).toEqual([]);
    expect((await runOf(db, id)).state).toBe("succeeded");
  });

  test("that comes while the project is set to something else is stale", async () => {
    const { id, run } = await addRunningProject(db);
    await hold("update public.projects set status = 'draft' where id = $1 returning id", [id]);
    const publication = await startBlocked(db, publish, [run, 1]);
    await commit();
    expect(await publication.result).toEqual({ outcome: "stale" });
    expect(await statusOf(db, id)).toBe("draft");
  });
});

describe("locks", () => {
  test("are taken project first: a milestone and a start never wait for each other in a circle", async () => {
    const { id, owner, run } = await addRunningProject(db);
    await first.query("begin");
    await first.query("select from public.projects where id = $1 for update", [id]);
    const milestone = await startBlocked<{ written: boolean }>(
      db,
      "select public.record_milestone($1, 1, 'Searching') as written",
      [run],
    );
    // The holder of the project goes on to the run; whoever waits for the project must not have it.
    await first.query("select from corral.runs where id = $1 for update nowait", [run]);
    expect(firstOf((await first.query(START, [id, owner])).rows)).toMatchObject({ outcome: "joined" });
    await commit();
    expect(await milestone.result).toEqual({ written: true });
  });

  test.each([
    ["fail_run", "select public.fail_run($1, 1, 'internal_error', 'No.')"],
    ["publish_dataset", `select public.publish_dataset($1, 1, 'a/b', 'gs://b/a_b_v1.zip', 1, 'AAAAAA==')`],
    ["fail_launch", "select public.fail_launch($1, 1, 'No.')"],
  ])("%s holds no run while it waits for the project", async (_, statement) => {
    const { id, run } = await addRunningProject(db);
    await first.query("begin");
    await first.query("select from public.projects where id = $1 for update", [id]);
    const waiting = await startBlocked(db, statement, [run]);
    await first.query("select from corral.runs where id = $1 for update nowait", [run]);
    await commit();
    await waiting.result;
  });
});

describe("an owner who is being deleted", () => {
  const deleteUser = "delete from auth.users where id = $1 returning id";

  test("is waited for before anything of the project is locked", async () => {
    const { id, owner, run } = await addRunningProject(db);
    await hold("select from public.users where id = $1 for update", [owner]);
    const failure = await startBlocked(db, "select public.fail_run($1, 1, 'internal_error', 'No.') as outcome", [run]);
    await first.query("select from public.projects where id = $1 for update nowait", [id]);
    await first.query(deleteUser, [owner]);
    await commit();
    expect(await failure.result).toEqual({ outcome: "stale" });
  });

  test("is left alone by the sweep", async () => {
    const { id, owner, run } = await addRunningProject(db);
    await expire(run);
    await hold("select from public.users where id = $1 for update", [owner]);
    expect(firstOf(await db.sql(SWEEP))).toMatchObject({ expired: 0 });
    await commit();
    expect(firstOf(await db.sql(SWEEP))).toMatchObject({ expired: 1 });
    expect((await runOf(db, id)).state).toBe("queued");
  });
});

describe("automatic ingestion", () => {
  test("leaves a project alone that somebody is just now taking out of pending_dataset", async () => {
    await db.sql("update corral.settings set auto_ingestion = false");
    const { id } = await addProject(db, { status: "pending_dataset" });
    await hold("update public.projects set status = 'draft' where id = $1 returning id", [id]);
    expect(await call(db, "public.set_auto_ingestion(true, null, true)")).toBe("changed");
    await commit();
    expect(await runsOf(db, id)).toEqual([]);
  });

  test("catches up by the sweep with a project that came while it was switched on", async () => {
    await db.sql("update corral.settings set auto_ingestion = false");
    const id = randomUUID();
    await hold("insert into public.projects (id, status) values ($1, 'pending_dataset') returning id", [id]);
    await call(db, "public.set_auto_ingestion(true, null, true)");
    await commit();
    expect(await runsOf(db, id)).toEqual([]);
    await db.sql(SWEEP);
    expect(await runsOf(db, id)).toMatchObject([{ state: "queued" }]);
  });
});

test("an old attempt and a new one never both write", async () => {
  const { id, run } = await addRunningProject(db);
  await call(db, "public.release_run($1, 1)", [run]);
  const { attempt } = await startContainer(db, id);
  await hold(publish, [run, attempt]);
  const old = await startBlocked(db, publish, [run, 1]);
  await commit();
  expect(await old.result).toEqual({ outcome: "stale" });
});
