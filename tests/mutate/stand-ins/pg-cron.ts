// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the placeholders of the source that is changed
import type { StandInMutant } from "../stand-in-mutant.ts";

const SCHEDULE = "local/postgres/cron-schedule.ts";
const TASKS = "local/postgres/cron-tasks.ts";
const RUNNER = "local/postgres/cron-runner.ts";
const SQL = "local/postgres/extensions/pg_cron/pg_cron--1.6.4.sql";
const tasks = ["tests/local/postgres/cron-tasks.test.ts"];
const cron = ["tests/local/postgres/pg-cron.test.ts"];

/** pg_cron: five fields, `$`, seconds, one instance per job, run details, each job as its user. */
export const pgCronMutants: StandInMutant[] = [
  {
    title: "pg_cron: $ is not the last day of the month",
    file: SCHEDULE,
    find: 'day.replace("$", "L")',
    replace: 'day.replace("$", "31")',
    tests: tasks,
  },
  {
    title: "pg_cron: $ is refused as a schedule",
    file: SQL,
    find: "and (f[3] = '$' or cron._is_field(f[3], 1, 31))",
    replace: "and cron._is_field(f[3], 1, 31)",
    tests: cron,
  },
  {
    title: "pg_cron: schedules are not in GMT",
    file: SCHEDULE,
    find: 'timezone: "UTC"',
    replace: 'timezone: "Asia/Kathmandu"',
    tests: tasks,
  },
  {
    title: "pg_cron: both day fields have to match always",
    file: SCHEDULE,
    find: 'const domAndDow = day.startsWith("*") || weekday.startsWith("*");',
    replace: "const domAndDow = true;",
    tests: tasks,
  },
  {
    title: "pg_cron: the minute field is ignored",
    file: SCHEDULE,
    find: "new Cron([minute, hour,",
    replace: 'new Cron(["*", hour,',
    tests: tasks,
  },
  {
    title: "pg_cron: N seconds are N tenths",
    file: TASKS,
    find: 'schedule.kind === "interval" && now >= task.lastStart + schedule.seconds * 1000)',
    replace: 'schedule.kind === "interval" && now >= task.lastStart + schedule.seconds * 100)',
    tests: tasks,
  },
  {
    title: "pg_cron: sixty seconds and more are taken as an interval",
    file: SQL,
    find: "select schedule ~* '^\\s*([1-9]|[1-5]\\d)\\s+seconds?\\s*$'",
    replace: "select schedule ~* '^\\s*\\d+\\s+seconds?\\s*$'",
    tests: cron,
  },
  {
    title: "pg_cron: hours beyond 23 are taken",
    file: SQL,
    find: "cron._is_field(f[2], 0, 23)",
    replace: "cron._is_field(f[2], 0, 99)",
    tests: cron,
  },
  {
    title: "pg_cron: two instances of a job run at once",
    file: TASKS,
    find: "if (task.pending === 0 || task.running) continue;",
    replace: "if (task.pending === 0) continue;",
    tests: tasks,
  },
  {
    title: "pg_cron: a tick during a run is forgotten",
    file: TASKS,
    find: "if (task.pending === 0 || task.running) continue;",
    replace: "if (task.running) task.pending = 0;\n      if (task.pending === 0) continue;",
    tests: tasks,
  },
  {
    title: "pg_cron: an inactive job runs",
    file: TASKS,
    find: "if (!task.job.active) {",
    replace: 'if (task.job.command === "") {',
    tests: tasks,
  },
  {
    title: "pg_cron: an unscheduled job goes on",
    file: TASKS,
    find: "if (!ids.has(id)) this.#tasks.delete(id);",
    replace: 'if (id === "") this.#tasks.delete(id);',
    tests: tasks,
  },
  {
    title: "pg_cron: a change of the schedule does not wake the scheduler",
    file: SQL,
    find: "perform pg_catalog.pg_notify('pg_cron_wake', '');",
    replace: "",
    tests: ["tests/local/postgres/pg-cron-wake.test.ts"],
  },
  {
    title: "pg_cron: a job runs as somebody else than its user",
    file: RUNNER,
    find: "user: job.username,",
    replace: 'user: "supabase_admin",',
    tests: cron,
  },
  {
    title: "pg_cron: a failed run is recorded as succeeded",
    file: RUNNER,
    find: 'return { status: "failed", message: `ERROR:  ',
    replace: 'return { status: "succeeded", message: `ERROR:  ',
    tests: cron,
  },
  {
    title: "pg_cron: the end of a run is not recorded",
    file: RUNNER,
    find: "return_message = $3, end_time = clock_timestamp() where",
    replace: "return_message = $3 where",
    tests: cron,
  },
  {
    title: "pg_cron: the row count of a run is not recorded",
    file: RUNNER,
    find: 'return `${count} ${count === 1 ? "row" : "rows"}`;',
    replace: 'return "";',
    tests: cron,
  },
  {
    title: "pg_cron: a run that a stop cut short stays running",
    file: RUNNER,
    find: "where status in ('starting', 'connecting', 'sending', 'running')",
    replace: "where false",
    tests: cron,
  },
  {
    title: "pg_cron: anybody may schedule as anybody",
    file: SQL,
    find: "coalesce(_schedule.username, current_user) <> current_user and not cron._is_superuser()",
    replace: "false",
    tests: cron,
  },
  {
    title: "pg_cron: the jobs of others can be seen",
    file: SQL,
    find: "create policy cron_job_policy on cron.job using (username = current_user);",
    replace: "create policy cron_job_policy on cron.job using (true);",
    tests: cron,
  },
  {
    title: "pg_cron: a second schedule under a name makes a second job",
    file: SQL,
    find: "return cron._schedule(job_name, schedule, command, pg_catalog.current_database(), null, true);",
    replace:
      "return cron._schedule(job_name || pg_catalog.random(), schedule, command, pg_catalog.current_database(), null, true);",
    tests: cron,
  },
];
