import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import { addRunningProject, call, firstOf, PUBLISH, runOf, startContainer, statusOf, type Wishes } from "./scene.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
});
afterAll(() => db.drop());

const datasetsOf = (project: string) => db.sql("select * from public.datasets where project_id = $1", [project]);
const logsOf = (project: string) =>
  db.sql("select message, log_level from public.agent_logs where project_id = $1 order by id", [project]);
const messagesOf = (owner: string | null) =>
  db.sql("select role, content from public.messages where user_id = $1 order by id", [owner]);
const credentialsOf = (project: string) =>
  db.sql("select from vault.secrets where name = 'corral_kaggle_' || $1::text", [project]);
/** Replaces the attempt of a running project by a second one. */
const supersede = async (project: string, run: string) => {
  await call(db, "public.release_run($1, 1)", [run]);
  await startContainer(db, project);
};

describe("get_dataset_task", () => {
  const taskOf = async (wishes: Wishes) => {
    const { run, attempt, ...project } = await addRunningProject(db, wishes);
    return {
      ...project,
      run,
      task: firstOf(await db.sql("select * from public.get_dataset_task($1, $2)", [run, attempt])),
    };
  };

  test("tells what to fetch, for whom, and with which credentials", async () => {
    const { task } = await taskOf({
      name: "Rain",
      search_keywords: ["seattle", "weather"],
      metadata: { kaggle_ref: "a/b", kaggle_credentials: { username: "ann", key: "secret" } },
    });
    expect(task).toEqual({
      outcome: "ready",
      project_name: "Rain",
      keywords: ["seattle", "weather"],
      options: { kaggle_ref: "a/b" },
      max_dataset_size_gb: "50",
      kaggle_username: "ann",
      kaggle_key: "secret",
    });
  });

  test("tells no credentials where the project has none", async () => {
    expect((await taskOf({})).task).toMatchObject({ kaggle_username: null, kaggle_key: null });
  });

  test("tells the limit of the settings and leaves the project's own to the job", async () => {
    const { task } = await taskOf({ metadata: { max_dataset_size_gb: 2.5 } });
    expect(task).toMatchObject({ max_dataset_size_gb: "50", options: { max_dataset_size_gb: 2.5 } });
  });

  test("leaves out keywords that are null", async () => {
    const { id, run } = await taskOf({});
    await db.sql("update public.projects set search_keywords = '{rain,null,sun}' where id = $1", [id]);
    const task = firstOf(await db.sql("select keywords from public.get_dataset_task($1, 1)", [run]));
    expect(task.keywords).toEqual(["rain", "sun"]);
  });

  test("tells keywords that are stored as a table row by row", async () => {
    const { id, run } = await taskOf({});
    await db.sql("update public.projects set search_keywords = '{{rain,sun},{null,snow}}' where id = $1", [id]);
    const task = firstOf(await db.sql("select keywords from public.get_dataset_task($1, 1)", [run]));
    expect(task.keywords).toEqual(["rain", "sun", "snow"]);
  });

  test("tells an attempt that was replaced, or that has not started, nothing", async () => {
    const { id, run } = await taskOf({ metadata: { kaggle_credentials: { username: "ann", key: "secret" } } });
    await call(db, "public.release_run($1, 1)", [run]);
    const told = async (attempt: number) =>
      firstOf(
        await db.sql("select outcome, kaggle_key, project_name from public.get_dataset_task($1, $2)", [run, attempt]),
      );
    const nothing = { outcome: "stale", kaggle_key: null, project_name: null };
    expect(await told(1)).toEqual(nothing);
    await db.sql("select public.claim_run($1)", [run]);
    expect(await told(2)).toEqual(nothing);
    expect(await statusOf(db, id)).toBe("pending_dataset");
  });
});

describe("record_milestone", () => {
  const record = (run: string, attempt: number, message: string | null) =>
    call(db, "public.record_milestone($1, $2, 'Searching Kaggle', 'info', $3)", [run, attempt, message]);

  test("writes a line into the project's log and tells the owner", async () => {
    const { id, owner, run } = await addRunningProject(db);
    expect(await record(run, 1, "Searching.")).toBe(true);
    expect(await logsOf(id)).toEqual([{ message: "Searching Kaggle", log_level: "info" }]);
    expect(await messagesOf(owner)).toEqual([{ role: "assistant", content: "Searching." }]);
  });

  test("tells the owner nothing when there is no message", async () => {
    const { id, owner, run } = await addRunningProject(db);
    expect(await record(run, 1, null)).toBe(true);
    expect(await logsOf(id)).toHaveLength(1);
    expect(await messagesOf(owner)).toEqual([]);
  });

  test("writes nothing for an attempt that was replaced", async () => {
    const { id, owner, run } = await addRunningProject(db);
    await supersede(id, run);
    expect(await record(run, 1, "Searching.")).toBe(false);
    expect(await logsOf(id)).toEqual([]);
    expect(await messagesOf(owner)).toEqual([]);
  });
});

describe("publish_dataset", () => {
  test("hands the project its dataset, all at once", async () => {
    const { id, owner, run } = await addRunningProject(db, {
      metadata: { kaggle_credentials: { username: "ann", key: "secret" } },
    });
    expect(await call(db, PUBLISH, [run, 1])).toBe("published");
    expect(await datasetsOf(id)).toMatchObject([
      {
        project_id: id,
        name: "vega/seattle-weather",
        gcs_url: "gs://bucket/raw/vega_seattle-weather_v3.zip",
        size: "4.20 GB",
        source: "kaggle",
        size_bytes: "4509715661",
        crc32c: "yZRlqg==",
        md5: "XrY7u+Ae7tCTyyK7j1rNww==",
        kaggle_version: 3,
        license: "CC0-1.0",
        candidates: [{ ref: "vega/seattle-weather" }],
      },
    ]);
    expect(await statusOf(db, id)).toBe("pending_training");
    expect(await runOf(db, id)).toMatchObject({
      state: "succeeded",
      phase: "completed",
      lease_expires_at: null,
      error_code: null,
      finished_at: expect.any(Date),
    });
    expect(await credentialsOf(id)).toEqual([]);
    expect(await logsOf(id)).toEqual([
      {
        message: "Completed: vega/seattle-weather (4.20 GB) is at gs://bucket/raw/vega_seattle-weather_v3.zip",
        log_level: "info",
      },
    ]);
    expect(await messagesOf(owner)).toEqual([
      { role: "assistant", content: "Your dataset vega/seattle-weather (4.20 GB) is ready." },
    ]);
  });

  test("is answered the same when it is asked twice, and done once", async () => {
    const { id, owner, run } = await addRunningProject(db);
    await call(db, PUBLISH, [run, 1]);
    expect(await call(db, PUBLISH, [run, 1])).toBe("published");
    expect(await datasetsOf(id)).toHaveLength(1);
    expect(await messagesOf(owner)).toHaveLength(1);
  });

  test("is stale for an attempt that was replaced, and changes nothing", async () => {
    const { id, run } = await addRunningProject(db);
    await supersede(id, run);
    expect(await call(db, PUBLISH, [run, 1])).toBe("stale");
    expect(await datasetsOf(id)).toEqual([]);
    expect(await statusOf(db, id)).toBe("pending_dataset");
  });

  test("counts although the lease has ended, as long as nobody has taken the run away", async () => {
    const { id, run } = await addRunningProject(db);
    await db.sql("update corral.runs set lease_expires_at = now() - interval '1 hour' where id = $1", [run]);
    expect(await call(db, PUBLISH, [run, 1])).toBe("published");
    expect(await statusOf(db, id)).toBe("pending_training");
  });

  test("keeps one row per object, with what is known now, as the newest", async () => {
    const { id, run } = await addRunningProject(db);
    await db.sql(
      `insert into public.datasets (project_id, name, gcs_url, created_at)
       values ($1, 'old name', 'gs://bucket/raw/vega_seattle-weather_v3.zip', '2020-01-01')`,
      [id],
    );
    await call(db, PUBLISH, [run, 1]);
    const rows = await datasetsOf(id);
    expect(rows).toMatchObject([
      { name: "vega/seattle-weather", size: "4.20 GB", source: "kaggle", crc32c: "yZRlqg==", license: "CC0-1.0" },
    ]);
    expect(firstOf(rows).created_at).not.toEqual(new Date("2020-01-01T00:00:00Z"));
  });

  test("forgets the reason for which an earlier attempt failed", async () => {
    const { id, run } = await addRunningProject(db);
    await call(db, "public.fail_run($1, 1, 'kaggle_unavailable', 'Later.', true)", [run]);
    await db.sql("update corral.runs set run_after = now() where id = $1", [run]);
    await startContainer(db, id);
    await call(db, PUBLISH, [run, 2]);
    expect(await runOf(db, id)).toMatchObject({ state: "succeeded", error_code: null, error_message: null });
  });

  test("is for runs about projects only", async () => {
    await call(db, "corral.enqueue_run('cleanup', 'bucket')");
    const { run } = await startContainer(db, "bucket");
    expect(await call(db, PUBLISH, [run, 1])).toBe("stale");
    await call(db, "public.finish_run($1, 1)", [run]);
    expect(await call(db, PUBLISH, [run, 1])).toBe("stale");
  });

  test("tells nobody when the project has no owner", async () => {
    const { id, run } = await addRunningProject(db, { user_id: null });
    expect(await call(db, PUBLISH, [run, 1])).toBe("published");
    expect(await logsOf(id)).toHaveLength(1);
  });
});

describe("sizes", () => {
  test.each([
    ["0", "0 B"],
    ["1023", "1023 B"],
    ["1024", "1.00 KB"],
    ["1048575", "1024.00 KB"],
    ["1048576", "1.00 MB"],
    ["4509715661", "4.20 GB"],
    ["1099511627776", "1.00 TB"],
    ["5497558138880000", "5000.00 TB"],
  ])("%s bytes read %s", async (bytes, size) => {
    expect(await call(db, "corral.format_size($1)", [bytes])).toBe(size);
  });
});
