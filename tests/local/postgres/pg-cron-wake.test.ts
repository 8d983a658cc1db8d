import { afterAll, beforeAll, expect, test } from "vitest";
import { startPgCronWorker } from "../../../local/postgres/pg-cron-worker.ts";
import { cloneDatabase, type TestDatabase } from "../../setup/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());

test("a scheduler with nothing to do takes up a new job at once, not at the next minute", async () => {
  await database.sql("select cron.unschedule(jobid) from cron.job");
  const worker = await startPgCronWorker({ adminUrl: database.adminUrl });
  try {
    const asleep = `select from pg_stat_activity
       where datname = $1 and application_name = 'pg_cron scheduler' and state = 'idle' and query like '%from cron.job'`;
    await expect.poll(() => database.sql(asleep, [database.name])).toHaveLength(1);
    await database.sql("select cron.schedule('new', '1 second', 'select 1')");
    await expect
      .poll(() => database.sql("select from cron.job_run_details where status = 'succeeded'"))
      .not.toEqual([]);
  } finally {
    await worker.stop();
  }
});
