import { join } from "node:path";
import type { Closers } from "./closers.ts";
import type { CloudOptions } from "./cloud-options.ts";
import { POSTGRES_FOLDER } from "./data-folder.ts";
import type { Log } from "./log.ts";
import { checkExistingPostgres } from "./postgres/check-existing-postgres.ts";
import { applyMigrations } from "./postgres/migrate.ts";
import { startPgCronWorker } from "./postgres/pg-cron-worker.ts";
import { startPgNetWorker } from "./postgres/pg-net-worker.ts";
import { startPostgres } from "./postgres/start-postgres.ts";

export interface OpenDatabase {
  /** As role `postgres`, for people. */
  url: string;
  /** With the most rights there are. */
  adminUrl: string;
  /** As role `authenticator`, for the gateway. */
  authenticatorUrl: string;
  /** What plays pg_net's background worker; an existing Postgres has its own. */
  pgNet?: RestartableWorker;
  /** Kills the server and starts it again on its data; an existing Postgres is not ours to kill. */
  crash?: () => Promise<void>;
}

export interface RestartableWorker {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the embedded Postgres with its workers, or takes the one that is named, and applies the migrations. */
export async function openDatabase(
  options: CloudOptions,
  dataDir: string,
  logs: (part: string) => Log,
  closers: Closers,
): Promise<OpenDatabase> {
  if (options.postgresUrl !== undefined) {
    await checkExistingPostgres(options.postgresUrl);
    await applyMigrations(options.postgresUrl, { log: logs("postgres") });
    return { url: options.postgresUrl, adminUrl: options.postgresUrl, authenticatorUrl: options.postgresUrl };
  }
  const postgres = await startPostgres({
    dataDir: join(dataDir, POSTGRES_FOLDER),
    port: options.ports.postgres,
    fresh: options.fresh,
    log: logs("postgres"),
  });
  closers.add(() => postgres.stop());
  await applyMigrations(postgres.url, { log: logs("postgres") });
  const workerOptions = { adminUrl: postgres.adminUrl, log: logs("postgres") };
  const pgNet = restartable(() => startPgNetWorker(workerOptions));
  const pgCron = restartable(() => startPgCronWorker(workerOptions));
  for (const worker of [pgNet, pgCron]) {
    await worker.start();
    closers.add(() => worker.stop());
  }
  const { url, adminUrl, authenticatorUrl, crash } = postgres;
  return { url, adminUrl, authenticatorUrl, pgNet, crash };
}

function restartable(start: () => Promise<{ stop(): Promise<void> }>): RestartableWorker {
  let running: { stop(): Promise<void> } | undefined;
  return {
    start: async () => {
      running ??= await start();
    },
    stop: async () => {
      await running?.stop();
      running = undefined;
    },
  };
}
