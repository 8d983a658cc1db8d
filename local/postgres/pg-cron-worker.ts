import type pg from "pg";
import { startBackgroundWorker, type Worker, type WorkerOptions, type WorkerSession } from "./background-worker.ts";
import { CronRunner } from "./cron-runner.ts";
import { type CronJob, CronTasks } from "./cron-tasks.ts";

/** Plays pg_cron's scheduler for the jobs of one database. */
export function startPgCronWorker(options: WorkerOptions): Promise<Worker> {
  return startBackgroundWorker({
    ...options,
    name: "pg_cron scheduler",
    channel: "pg_cron_wake",
    work: (session) => schedule(session, options),
  });
}

async function schedule({ client, wake, signal }: WorkerSession, { adminUrl, log }: WorkerOptions): Promise<void> {
  const runner = await CronRunner.open(adminUrl);
  const tasks = new CronTasks(Date.now());
  try {
    await runner.failUnfinished();
    while (!signal.aborted) {
      for (const complaint of tasks.refresh(await listJobs(client), Date.now())) log?.(complaint);
      for (const job of tasks.start(Date.now())) {
        void runner
          .run(job)
          .catch((error: unknown) => log?.(`pg_cron job ${job.jobid}: ${error}`))
          .finally(() => {
            tasks.finish(job.jobid);
            wake.wake();
          });
      }
      const now = Date.now();
      await wake.sleep(signal, tasks.nextLook(now) - now);
    }
  } finally {
    await runner.close();
  }
}

async function listJobs(client: pg.Client): Promise<CronJob[]> {
  const { rows } = await client.query<{ found: boolean }>("select to_regclass('cron.job') is not null as found");
  if (rows[0]?.found !== true) return [];
  const jobs = await client.query<CronJob>("select jobid, schedule, command, database, username, active from cron.job");
  return jobs.rows;
}
