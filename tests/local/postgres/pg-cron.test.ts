import type pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Worker } from "../../../local/postgres/background-worker.ts";
import { parseCronSchedule } from "../../../local/postgres/cron-schedule.ts";
import { startPgCronWorker } from "../../../local/postgres/pg-cron-worker.ts";
import { cloneDatabase, type TestDatabase } from "../../setup/database.ts";

let database: TestDatabase;
let admin: pg.Client;
let worker: Worker | undefined;

beforeAll(async () => {
  database = await cloneDatabase();
  admin = await database.connect(database.adminUrl);
  await database.sql("create extension if not exists pg_cron");
  await database.sql("create table ticks (at timestamptz default clock_timestamp(), who text default session_user)");
});
beforeEach(async () => {
  await admin.query("truncate cron.job, cron.job_run_details, ticks");
});
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});
afterAll(() => database.drop());

async function startWorker(): Promise<void> {
  worker = await startPgCronWorker({ adminUrl: database.adminUrl });
}

async function schedule(name: string, when: string, command: string): Promise<string> {
  const [row] = await database.sql<{ id: string }>("select cron.schedule($1, $2, $3) as id", [name, when, command]);
  return row?.id ?? "";
}

const details = () =>
  database.sql(
    "select status, return_message from cron.job_run_details where end_time is not null order by runid limit 1",
  );

describe("cron.schedule", () => {
  test("adds a job for its caller in the current database", async () => {
    const id = await schedule("mine", "*/5 * * * *", "select 1");
    expect(
      await database.sql("select jobid, schedule, command, database, username, active, jobname from cron.job"),
    ).toEqual([
      {
        jobid: id,
        schedule: "*/5 * * * *",
        command: "select 1",
        database: database.name,
        username: "postgres",
        active: true,
        jobname: "mine",
      },
    ]);
  });

  test("changes the job of that name instead of adding a second", async () => {
    const first = await schedule("mine", "*/5 * * * *", "select 1");
    expect(await schedule("mine", "10 seconds", "select 2")).toBe(first);
    expect(await database.sql("select schedule, command from cron.job")).toEqual([
      { schedule: "10 seconds", command: "select 2" },
    ]);
  });

  test("adds a new job each time when no name is given", async () => {
    await database.sql("select cron.schedule('* * * * *', 'select 1')");
    await database.sql("select cron.schedule('* * * * *', 'select 1')");
    expect(await database.sql("select from cron.job")).toHaveLength(2);
  });

  test.each(["0 3 $ * *", "59 seconds", "1 second", "0 0 1-7/2 jan-mar mon,WED,7", "@daily", " 1 2 3 4 5 "])(
    "takes %s",
    async (when) => {
      await expect(schedule("any", when, "select 1")).resolves.toBeDefined();
      expect(() => parseCronSchedule(when)).not.toThrow();
    },
  );

  test.each([
    "",
    "60 seconds",
    "0 seconds",
    "10 seconds 5 * * *",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * * 13 *",
    "* * * * 8",
    "* * * * fun",
    "5-1 * * * *",
    "5/2 * * * *",
    "*/0 * * * *",
    "1,,2 * * * *",
    "* * * *",
    "* * * * * *",
    "$ * * * *",
    "@never",
  ])("refuses %s", async (when) => {
    await expect(schedule("any", when, "select 1")).rejects.toMatchObject({
      code: "22023",
      message: `invalid schedule: ${when}`,
    });
  });
});

describe("a job of somebody else", () => {
  test("is neither seen, changed, removed nor made", async () => {
    await database.sql("create role scheduler");
    await database.sql("grant usage on schema cron to scheduler");
    await database.sql("grant scheduler to postgres");
    const id = await schedule("mine", "* * * * *", "select 1");
    const client = await database.connect();
    await client.query("set role scheduler");
    expect((await client.query("select * from cron.job")).rows).toEqual([]);
    await expect(client.query("select cron.unschedule($1::bigint)", [id])).rejects.toThrow(
      "could not find valid entry",
    );
    await expect(client.query("select cron.unschedule('mine')")).rejects.toThrow("could not find valid entry");
    await expect(client.query("select cron.alter_job($1, active => false)", [id])).rejects.toMatchObject({
      code: "42501",
    });
    const asPostgres = "select cron.schedule_in_database('x', '* * * * *', '', 'postgres', 'supabase_admin')";
    await expect(database.sql(asPostgres)).rejects.toMatchObject({ code: "42501" });
    await expect(
      database.sql("insert into cron._own_job (schedule, command, username) values ('1 second', '', 'supabase_admin')"),
    ).rejects.toMatchObject({ code: "44000" });
    await client.query("select cron.schedule('mine', '1 second', 'select 1')");
    expect((await admin.query("select username from cron.job order by 1")).rows).toEqual([
      { username: "postgres" },
      { username: "scheduler" },
    ]);
  });
});

test("alter_job changes what is given and keeps the rest; unschedule removes", async () => {
  const id = await schedule("mine", "* * * * *", "select 1");
  await database.sql("select cron.alter_job($1, active => false)", [id]);
  await database.sql("select cron.alter_job($1, schedule => '5 seconds')", [id]);
  expect(await database.sql("select schedule, command, active from cron.job")).toEqual([
    { schedule: "5 seconds", command: "select 1", active: false },
  ]);
  expect(await database.sql("select cron.unschedule('mine') as removed")).toEqual([{ removed: true }]);
  expect(await database.sql("select from cron.job")).toEqual([]);
  await expect(database.sql("select cron.unschedule('mine')")).rejects.toThrow(
    "could not find valid entry for job 'mine'",
  );
});

describe("the scheduler", () => {
  test("runs commands as the job's user, logged in as him, and records how they went", async () => {
    await startWorker();
    await schedule("tick", "1 second", "insert into ticks default values");
    await expect.poll(details).toEqual([{ status: "succeeded", return_message: "INSERT 0 1" }]);
    const [tick] = await database.sql("select who from ticks limit 1");
    expect(tick).toEqual({ who: "postgres" });
    const shape =
      "jobid is not null and runid is not null and job_pid > 0 and start_time <= end_time as whole, database, username, command";
    expect(await database.sql(`select ${shape} from cron.job_run_details order by runid limit 1`)).toEqual([
      { whole: true, database: database.name, username: "postgres", command: "insert into ticks default values" },
    ]);
  });

  test("cannot be made to run anything as the superuser", async () => {
    await startWorker();
    await schedule("escape", "1 second", "reset session authorization; insert into ticks (who) values (current_user)");
    await expect.poll(details).toMatchObject([{ status: "succeeded" }]);
    expect(await database.sql("select distinct who from ticks")).toEqual([{ who: "postgres" }]);
  });

  test.each([
    ["select 1 union select 2", "succeeded", "2 rows"],
    ["select 1/0", "failed", "ERROR:  division by zero"],
    ["create temp table t (id int); select * from t", "succeeded", "0 rows"],
  ])("records of %s that it %s", async (command, status, message) => {
    await startWorker();
    await schedule("one", "1 second", command);
    await expect.poll(details).toEqual([{ status, return_message: message }]);
  });

  test("rolls all of a command back when part of it fails", async () => {
    await startWorker();
    await schedule("half", "1 second", "insert into ticks default values; select 1/0");
    await expect.poll(details).toMatchObject([{ status: "failed" }]);
    expect(await database.sql("select from ticks")).toEqual([]);
  });

  test("runs one instance of a job at a time, and the next right after", async () => {
    // The job waits for a lock that we hold, while its next ticks pass.
    await admin.query("select pg_advisory_lock(1)");
    await startWorker();
    await schedule("long", "1 second", "select pg_advisory_xact_lock(1); insert into ticks default values");
    await schedule("clock", "1 second", "select 1");
    const countRuns = async (name: string) => {
      const rows = await database.sql(
        "select from cron.job_run_details d join cron.job j using (jobid) where j.jobname = $1 and d.start_time is not null",
        [name],
      );
      return rows.length;
    };
    await expect.poll(() => countRuns("clock")).toBeGreaterThanOrEqual(3);
    expect(await countRuns("long")).toBe(1);
    await admin.query("select pg_advisory_unlock(1)");
    await expect.poll(() => countRuns("long")).toBeGreaterThanOrEqual(2);
    const [gap] = await database.sql<{ ms: number }>(
      `select extract(milliseconds from b.start_time - a.end_time)::float as ms
         from (select * from cron.job_run_details where command like '%advisory%' order by runid limit 1) a,
              (select * from cron.job_run_details where command like '%advisory%' order by runid offset 1 limit 1) b`,
    );
    expect(gap?.ms).toBeLessThan(500);
  });

  test("stops running a job that was unscheduled or made inactive", async () => {
    await startWorker();
    const id = await schedule("off", "1 second", "insert into ticks (who) values ('off')");
    await schedule("gone", "1 second", "insert into ticks (who) values ('gone')");
    await database.sql("select cron.alter_job($1, active => false), cron.unschedule('gone')", [id]);
    await schedule("clock", "1 second", "insert into ticks (who) values ('clock')");
    await expect.poll(() => database.sql("select from ticks")).toHaveLength(2);
    expect(await database.sql("select distinct who from ticks")).toEqual([{ who: "clock" }]);
  });

  test("records a run that its stop cut short as failed, and starts over", async () => {
    await admin.query("select pg_advisory_lock(2)");
    await startWorker();
    await schedule("cut", "1 second", "select pg_advisory_xact_lock(2)");
    const waiting = "select from pg_stat_activity where datname = $1 and wait_event = 'advisory'";
    await expect.poll(() => database.sql(waiting, [database.name])).toHaveLength(1);
    await worker?.stop();
    worker = undefined;
    expect(await details()).toEqual([
      { status: "failed", return_message: "ERROR:  canceling statement due to user request" },
    ]);
    await admin.query("insert into cron.job_run_details (jobid, status) values (1, 'running')");
    await startWorker();
    await expect
      .poll(() => database.sql("select status, return_message from cron.job_run_details where jobid = 1"))
      .toEqual([{ status: "failed", return_message: "server restarted" }]);
    await admin.query("select pg_advisory_unlock(2)");
  });
});
