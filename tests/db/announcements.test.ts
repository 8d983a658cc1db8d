import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import {
  addProject,
  addRunningProject,
  call,
  firstOf,
  type Run,
  runOf,
  secondsBetween,
  startContainer,
} from "./scene.ts";

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

describe("a post that is refused", () => {
  const refuse = async (run: string, answer: { status_code?: number; error_msg?: string }) => {
    await emptyQueue();
    await db.sql(
      `insert into net._http_response (id, status_code, error_msg)
       select request_id, $2, $3 from corral.runs where id = $1`,
      [run, answer.status_code ?? null, answer.error_msg ?? null],
    );
  };
  const sweepAt = async (seconds: number) => {
    await db.setNow(new Date(now.getTime() + seconds * 1000).toISOString());
    return sweep();
  };
  const linesOf = (project: string) =>
    db.sql("select message, log_level from public.agent_logs where project_id = $1", [project]);

  test.each<[why: RegExp, answer: Parameters<typeof refuse>[1]]>([
    [/answers 401.* corral_dispatch_secret/, { status_code: 401 }],
    [/answers 403.* corral_dispatch_secret/, { status_code: 403 }],
    [/nothing is there \(404\).* corral_functions_url/, { status_code: 404 }],
    [/answers 503\. Its log says why/, { status_code: 503 }],
    [/Couldn't resolve host name\./, { error_msg: "Couldn't resolve host name" }],
  ])("is told on the run and goes on being repeated: %s", async (why, answer) => {
    await configure();
    const { id, subject } = await addQueued();
    await refuse(id, answer);
    expect(await sweepAt(10)).toMatchObject({ redelivered: 1 });
    expect(await runOf(db, subject)).toMatchObject({
      state: "queued",
      failures: 0,
      error_code: "dispatch_refused",
      error_message: expect.stringMatching(why),
    });
    expect(await requests()).toMatchObject([{ body: { run_id: Number(id) } }]);
  });

  test("is one line in the project's log, however often it is repeated", async () => {
    await configure();
    const { id, subject } = await addQueued();
    for (const seconds of [10, 20, 30]) {
      await refuse(id, { status_code: 401 });
      expect(await sweepAt(seconds)).toMatchObject({ redelivered: 1 });
    }
    expect(await linesOf(subject)).toEqual([
      { message: expect.stringMatching(/^The dispatcher does not take the run: /), log_level: "warning" },
    ]);
  });

  test("waits to be told while somebody holds the project, and holds nobody up", async () => {
    await configure();
    const { id, subject } = await addQueued();
    await refuse(id, { status_code: 401 });
    const client = await db.connect();
    await client.query("begin");
    await client.query("select from public.projects where id = $1 for no key update", [subject]);
    expect(await sweepAt(10)).toMatchObject({ redelivered: 1 });
    expect(await linesOf(subject)).toEqual([]);
    await client.query("commit");
    await refuse(id, { status_code: 401 });
    await sweepAt(20);
    expect(await linesOf(subject)).toHaveLength(1);
  });

  test("is told of a run about no project, too", async () => {
    await configure();
    const id = await call<string>(db, "corral.enqueue_run('cleanup', 'bucket')");
    await refuse(id, { status_code: 401 });
    await sweepAt(10);
    expect(await runOf(db, "bucket")).toMatchObject({ error_code: "dispatch_refused" });
  });

  test("is none when dispatch took the run, or had nothing to do", async () => {
    await configure();
    const [claimed, early] = [await addQueued(), await addQueued()];
    await refuse(claimed.id, { error_msg: "Timeout of 10000 ms reached." });
    await startContainer(db, claimed.subject);
    await call(db, "public.fail_run($1, 1, 'kaggle_unavailable', 'Later.', true)", [claimed.id]);
    await refuse(early.id, { status_code: 200 });
    await sweepAt(60);
    expect(await runOf(db, claimed.subject)).toMatchObject({ error_code: "kaggle_unavailable" });
    expect(await runOf(db, early.subject)).toMatchObject({ error_code: null });
  });
});
