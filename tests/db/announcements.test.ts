import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import { addProject, addRunningProject, call, firstOf, type Run, runOf, secondsBetween } from "./scene.ts";

let db: TestDatabase;
const now = new Date("2030-01-01T00:00:00Z");
beforeEach(async () => {
  db = await cloneDatabase();
  await db.setNow(now.toISOString());
});
afterEach(() => db.drop());

const configure = async () => {
  await db.sql("select vault.create_secret('https://x.supabase.co/functions/v1', 'corral_functions_url')");
  await db.sql("select vault.create_secret('open sesame', 'corral_dispatch_secret')");
};
const requests = () =>
  db.sql(
    `select id, method, url, headers, convert_from(body, 'utf8')::jsonb as body, timeout_milliseconds
       from net.http_request_queue order by id`,
  );
const sweep = async () => firstOf(await db.sql("select * from corral.sweep()"));
const addQueued = async (): Promise<Run> => runOf(db, (await addProject(db, { status: "pending_dataset" })).id);
/** What pg_net's worker does, or a crash: the tables of pg_net are unlogged. */
const emptyQueue = () => db.sql("delete from net.http_request_queue");

describe("a new run", () => {
  test("is posted to dispatch by its id, with the secret", async () => {
    await configure();
    const run = await addQueued();
    expect(await requests()).toEqual([
      {
        id: run.request_id,
        method: "POST",
        url: "https://x.supabase.co/functions/v1/dispatch",
        headers: { "Content-Type": "application/json", Authorization: "Bearer open sesame" },
        body: { run_id: Number(run.id) },
        timeout_milliseconds: 10000,
      },
    ]);
    expect(secondsBetween(now, run.redeliver_at)).toBe(10);
  });

  test.each(["corral_functions_url", "corral_dispatch_secret"])("is queued also while Vault lacks %s", async (name) => {
    await configure();
    await db.sql("delete from vault.secrets where name = $1", [name]);
    expect(await addQueued()).toMatchObject({ state: "queued", request_id: null, redeliver_at: now });
    expect(await requests()).toEqual([]);
  });

  test("is not posted when its transaction fails", async () => {
    await configure();
    const client = await db.connect();
    await client.query("begin");
    await client.query("insert into public.projects (status) values ('pending_dataset')");
    await client.query("rollback");
    expect(await requests()).toEqual([]);
  });

  test("is not posted when a live one makes it superfluous", async () => {
    await configure();
    const { subject } = await addQueued();
    await db.sql("update public.projects set status = 'pending_dataset' where id = $1", [subject]);
    expect(await requests()).toHaveLength(1);
  });
});

describe("a run that comes back to the queue", () => {
  test("is posted at once when its container was told to stop", async () => {
    await configure();
    const { run } = await addRunningProject(db);
    await emptyQueue();
    await call(db, "public.release_run($1, 1)", [run]);
    expect(await requests()).toMatchObject([{ body: { run_id: Number(run) } }]);
  });

  test("is posted by the sweep, once it is due, when it failed", async () => {
    await configure();
    const { id, run } = await addRunningProject(db);
    await emptyQueue();
    await call(db, "public.fail_run($1, 1, 'kaggle_unavailable', 'Later.', true)", [run]);
    expect(await sweep()).toMatchObject({ redelivered: 0 });
    expect(await requests()).toEqual([]);
    // A JavaScript date has lost the microseconds.
    await db.setNow(new Date((await runOf(db, id)).run_after.getTime() + 1).toISOString());
    expect(await sweep()).toMatchObject({ redelivered: 1 });
    expect(await requests()).toMatchObject([{ body: { run_id: Number(run) } }]);
  });
});

describe("the sweep", () => {
  test("posts a run again whose post was lost", async () => {
    await configure();
    const { id } = await addQueued();
    await emptyQueue();
    await db.setNow("2030-01-01T00:00:10Z");
    expect(await sweep()).toEqual({ expired: 0, redelivered: 1, enqueued: 0 });
    expect(await requests()).toMatchObject([{ body: { run_id: Number(id) } }]);
  });

  test("gives a post ten seconds before it is repeated", async () => {
    await configure();
    await addQueued();
    await emptyQueue();
    await db.setNow("2030-01-01T00:00:09.9Z");
    expect(await sweep()).toMatchObject({ redelivered: 0 });
    expect(await requests()).toEqual([]);
  });

  test("does not pile up posts while pg_net's worker sends none", async () => {
    await configure();
    await addQueued();
    for (const time of ["2030-01-01T00:00:10Z", "2030-01-01T00:10:00Z"]) {
      await db.setNow(time);
      expect(await sweep()).toMatchObject({ redelivered: 0 });
    }
    expect(await requests()).toHaveLength(1);
  });

  test("does not post a run that was claimed", async () => {
    await configure();
    const { id } = await addQueued();
    await db.sql("select public.claim_run($1)", [id]);
    await emptyQueue();
    await db.setNow("2030-01-01T00:00:10Z");
    expect(await sweep()).toMatchObject({ redelivered: 0 });
  });

  test("posts what waited for the secrets as soon as they are there", async () => {
    await addQueued();
    await sweep();
    expect(await requests()).toEqual([]);
    await configure();
    expect(await sweep()).toMatchObject({ redelivered: 1 });
    expect(await requests()).toHaveLength(1);
  });

  test("posts two hundred runs at a time, those first that have waited longest", async () => {
    await configure();
    await db.sql(
      `insert into corral.runs (kind, subject, max_attempts, redeliver_at, run_after)
       select 'kaggle-to-gcs', gen_random_uuid()::text, 5, corral.now() + n * interval '1 second', corral.now() + interval '1 second'
         from generate_series(201, 1, -1) n`,
    );
    await db.setNow("2030-01-01T01:00:00Z");
    expect(await sweep()).toMatchObject({ redelivered: 200 });
    const [left] = await db.sql("select redeliver_at from corral.runs where request_id is null");
    expect(left?.redeliver_at).toEqual(new Date("2030-01-01T00:03:21Z"));
    expect(await sweep()).toMatchObject({ redelivered: 1 });
  });
});
