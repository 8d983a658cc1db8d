import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import { addProject, addRunningProject, call, runsOf, startContainer } from "./scene.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
  await db.setNow("2030-01-31T00:00:00Z");
});
afterAll(() => db.drop());

const cleanup = () => db.sql("select corral.cleanup()");

describe("the daily cleanup", () => {
  test("deletes runs thirty days after their end, and no run that is live", async () => {
    await db.sql(
      `insert into corral.runs (kind, subject, max_attempts, state, created_at, finished_at) values
         ('kaggle-to-gcs', '00000000-0000-0000-0000-000000000001', 5, 'succeeded', '2029-01-01', '2029-12-31T23:59:59Z'),
         ('kaggle-to-gcs', '00000000-0000-0000-0000-000000000002', 5, 'failed', '2029-01-01', '2030-01-01T00:00:01Z'),
         ('kaggle-to-gcs', '00000000-0000-0000-0000-000000000003', 5, 'queued', '2029-01-01', null)`,
    );
    await cleanup();
    const left = await db.sql("select state from corral.runs where kind = 'kaggle-to-gcs' order by subject");
    expect(left).toEqual([{ state: "failed" }, { state: "queued" }]);
  });

  test("deletes log lines after ninety days, and no message", async () => {
    const { id, owner } = await addProject(db);
    await db.sql(
      `insert into public.agent_logs (project_id, agent_name, message, created_at)
       values ($1, 'dataset', 'old', '2029-11-01'), ($1, 'planner', 'new', '2029-11-03')`,
      [id],
    );
    await db.sql(
      "insert into public.messages (user_id, role, content, created_at) values ($1, 'user', 'old', '2020-01-01')",
      [owner],
    );
    await cleanup();
    expect(await db.sql("select message from public.agent_logs where project_id = $1", [id])).toEqual([
      { message: "new" },
    ]);
    expect(await db.sql("select content from public.messages where user_id = $1", [owner])).toHaveLength(1);
  });

  test("deletes the details of cron runs and replies to posts after two days", async () => {
    const times = "(values ('2030-01-28T23:59:59Z'::timestamptz), ('2030-01-29T00:00:01Z')) t(time)";
    await db.sql(`insert into net._http_response (id, created) select 1, time from ${times}`);
    const admin = await db.connect(db.adminUrl);
    await admin.query(`insert into cron.job_run_details (jobid, start_time) select 1, time from ${times}`);
    await cleanup();
    expect((await admin.query("select start_time as time from cron.job_run_details")).rows).toEqual([
      { time: new Date("2030-01-29T00:00:01Z") },
    ]);
    expect(await db.sql("select created as time from net._http_response")).toEqual([
      { time: new Date("2030-01-29T00:00:01Z") },
    ]);
  });

  test("deletes posts about runs that need none any more", async () => {
    await db.sql("select vault.create_secret('http://x', 'corral_functions_url')");
    await db.sql("select vault.create_secret('x', 'corral_dispatch_secret')");
    await addRunningProject(db);
    const { id } = await addProject(db, { status: "pending_dataset" });
    await db.sql("update corral.runs set state = 'cancelled', finished_at = corral.now() where kind = 'cleanup'");
    await cleanup();
    const posts = await db.sql(
      "select r.subject from net.http_request_queue q join corral.runs r on r.request_id = q.id where r.kind = 'kaggle-to-gcs'",
    );
    expect(posts).toEqual([{ subject: id }]);
  });

  test("deletes Kaggle credentials a day after they were given to a project that has its dataset, and no others", async () => {
    const metadata = { kaggle_credentials: { username: "ann", key: "secret" } };
    const statuses = ["draft", "pending_dataset", "pending_training", "training", "completed", "failed"];
    for (const name of statuses) await addProject(db, { name, status: name, metadata });
    const { id } = await addProject(db, { name: "young", status: "completed", metadata });
    const admin = await db.connect(db.adminUrl);
    const saveAt = (time: string, name: string) =>
      admin.query("update vault.secrets set updated_at = $1 where name like $2", [time, name]);
    await saveAt("2030-01-29T23:59:59Z", "corral_kaggle_%");
    await saveAt("2030-01-30T00:00:01Z", `corral_kaggle_${id}`);
    await cleanup();
    const left = await db.sql<{ name: string }>(
      "select p.name from public.projects p join vault.secrets s on s.name = 'corral_kaggle_' || p.id order by p.name",
    );
    expect(left.map(({ name }) => name)).toEqual(["draft", "failed", "pending_dataset", "young"]);
  });

  test("starts one job that cleans the bucket, also when yesterday's has not ended", async () => {
    await db.sql("delete from corral.runs where kind = 'cleanup'");
    await cleanup();
    await startContainer(db, "bucket");
    await cleanup();
    expect(await runsOf(db, "bucket")).toMatchObject([{ kind: "cleanup", state: "running" }]);
  });
});

describe("what the job asks", () => {
  test("list_unreferenced_objects names the objects that no dataset refers to", async () => {
    const { id } = await addProject(db);
    await db.sql(
      "insert into public.datasets (project_id, name, gcs_url) values ($1, 'a/b', 'gs://bucket/raw/kept.zip')",
      [id],
    );
    const rows = await db.sql("select public.list_unreferenced_objects($1) as url", [
      ["gs://bucket/raw/kept.zip", "gs://bucket/raw/stray.zip"],
    ]);
    expect(rows).toEqual([{ url: "gs://bucket/raw/stray.zip" }]);
  });

  test("list_live_runs names the runs that are not over", async () => {
    const queued = (await runsOf(db, (await addProject(db, { status: "pending_dataset" })).id))[0]?.id;
    const { run: running } = await addRunningProject(db);
    const { run: failed } = await addRunningProject(db);
    await call(db, "public.fail_run($1, 1, 'internal_error', 'No.')", [failed]);
    const rows = await db.sql("select public.list_live_runs($1) as id", [[queued, running, failed, "4242"]]);
    expect(rows.map(({ id }) => id).sort()).toEqual([queued, running].sort());
  });
});
