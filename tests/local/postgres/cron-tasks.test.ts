import { describe, expect, test } from "vitest";
import { parseCronSchedule } from "../../../local/postgres/cron-schedule.ts";
import { type CronJob, CronTasks } from "../../../local/postgres/cron-tasks.ts";

const NOON = Date.parse("2024-02-28T12:00:00Z");
const SECOND = 1000;
const MINUTE = 60 * SECOND;

function job(schedule: string, jobid = "1", active = true): CronJob {
  return { jobid, schedule, active, command: "select 1", database: "postgres", username: "postgres" };
}

function tasksWith(...jobs: CronJob[]): CronTasks {
  const tasks = new CronTasks(NOON);
  expect(tasks.refresh(jobs, NOON)).toEqual([]);
  return tasks;
}

const ids = (jobs: CronJob[]) => jobs.map((one) => one.jobid);

describe("a schedule of five fields", () => {
  test.each([
    ["* * * * *", "2024-02-28T12:34:00Z", true],
    ["34 12 * * *", "2024-02-28T12:34:00Z", true],
    ["34 12 * * *", "2024-02-28T12:35:00Z", false],
    ["*/15 * * * *", "2024-02-28T12:45:00Z", true],
    ["*/15 * * * *", "2024-02-28T12:46:00Z", false],
    ["0 9-17/4 * * mon-fri", "2024-02-28T13:00:00Z", true],
    ["0 9-17/4 * * mon-fri", "2024-02-25T13:00:00Z", false],
    ["0 0 1,15 jan,feb *", "2024-02-15T00:00:00Z", true],
    ["0 0 * * 7", "2024-02-25T00:00:00Z", true],
    ["0 0 $ * *", "2024-02-28T00:00:00Z", false],
    ["0 0 $ * *", "2024-02-29T00:00:00Z", true],
    ["0 0 $ * *", "2024-04-30T00:00:00Z", true],
    ["0 0 13 * 5", "2024-02-13T00:00:00Z", true],
    ["0 0 13 * 5", "2024-02-16T00:00:00Z", true],
    ["0 0 */2 * 5", "2024-02-16T00:00:00Z", false],
    ["@daily", "2024-02-28T00:00:00Z", true],
    ["@hourly", "2024-02-28T00:30:00Z", false],
  ])("%s at %s is due: %s", (text, time, due) => {
    const schedule = parseCronSchedule(text);
    expect(schedule.kind === "minutes" && schedule.matches(new Date(time))).toBe(due);
  });

  test("is due once per minute, whatever second somebody looks", () => {
    const tasks = tasksWith(job("* * * * *"));
    expect(ids(tasks.start(NOON + 59 * SECOND))).toEqual([]);
    expect(ids(tasks.start(NOON + 61 * SECOND))).toEqual(["1"]);
    tasks.finish("1");
    expect(ids(tasks.start(NOON + 119 * SECOND))).toEqual([]);
    expect(ids(tasks.start(NOON + 120 * SECOND))).toEqual(["1"]);
  });

  test("makes up for minutes that were missed, one run each", () => {
    const tasks = tasksWith(job("* * * * *"));
    let runs = 0;
    for (let due = tasks.start(NOON + 3 * MINUTE); due.length > 0; due = tasks.start(NOON + 3 * MINUTE)) {
      runs += due.length;
      tasks.finish("1");
    }
    expect(runs).toBe(3);
  });

  test("does not make up for hours that were skipped by setting the clock", () => {
    const tasks = tasksWith(job("* * * * *"), job("30 12 * * *", "2"));
    expect(ids(tasks.start(NOON + 5 * 60 * MINUTE))).toEqual(["1"]);
    tasks.finish("1");
    expect(ids(tasks.start(NOON + 5 * 60 * MINUTE))).toEqual([]);
  });
});

describe("a schedule of N seconds", () => {
  test("is due N seconds after its job came, and after each start", () => {
    const tasks = tasksWith(job("10 seconds"));
    expect(tasks.nextLook(NOON)).toBe(NOON + 10 * SECOND);
    expect(ids(tasks.start(NOON + 9 * SECOND))).toEqual([]);
    expect(ids(tasks.start(NOON + 10 * SECOND))).toEqual(["1"]);
    tasks.finish("1");
    expect(ids(tasks.start(NOON + 19 * SECOND))).toEqual([]);
    expect(ids(tasks.start(NOON + 20 * SECOND))).toEqual(["1"]);
  });

  test("leaves one tick waiting during a long run, which starts right after it", () => {
    const tasks = tasksWith(job("10 seconds"));
    tasks.start(NOON + 10 * SECOND);
    expect(ids(tasks.start(NOON + 55 * SECOND))).toEqual([]);
    tasks.finish("1");
    expect(ids(tasks.start(NOON + 56 * SECOND))).toEqual(["1"]);
    tasks.finish("1");
    expect(ids(tasks.start(NOON + 57 * SECOND))).toEqual([]);
  });
});

describe("jobs", () => {
  test("run side by side, but never two of one", () => {
    const tasks = tasksWith(job("* * * * *"), job("* * * * *", "2"));
    expect(ids(tasks.start(NOON + MINUTE))).toEqual(["1", "2"]);
    tasks.finish("2");
    expect(ids(tasks.start(NOON + 2 * MINUTE))).toEqual(["2"]);
    tasks.finish("1");
    expect(ids(tasks.start(NOON + 2 * MINUTE))).toEqual(["1"]);
  });

  test("that are not active, or gone, do not start", () => {
    const tasks = tasksWith(job("1 second", "1", false), job("1 second", "2"));
    tasks.refresh([job("1 second", "1", false)], NOON);
    expect(ids(tasks.start(NOON + 10 * SECOND))).toEqual([]);
  });

  test("keep running through a change of their schedule", () => {
    const tasks = tasksWith(job("1 second"));
    tasks.start(NOON + SECOND);
    tasks.refresh([job("2 seconds")], NOON + SECOND);
    expect(ids(tasks.start(NOON + 3 * SECOND))).toEqual([]);
    tasks.finish("1");
    expect(ids(tasks.start(NOON + 3 * SECOND))).toEqual(["1"]);
  });

  test("at @reboot run once, when the scheduler starts", () => {
    const tasks = tasksWith(job("@reboot"));
    expect(ids(tasks.start(NOON))).toEqual(["1"]);
    tasks.finish("1");
    tasks.refresh([job("@reboot"), job("@reboot", "2")], NOON + MINUTE);
    expect(ids(tasks.start(NOON + MINUTE))).toEqual([]);
  });

  test("whose schedule cannot be read are complained about and left out", () => {
    const tasks = new CronTasks(NOON);
    expect(tasks.refresh([job("61 * * * *"), job("1 second", "2")], NOON)).toEqual([
      "invalid pg_cron schedule for job 1: 61 * * * *",
    ]);
    expect(ids(tasks.start(NOON + SECOND))).toEqual(["2"]);
  });
});
