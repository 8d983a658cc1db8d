import { realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import { buildJobs } from "../jobs/build.ts";
import { Closers } from "./closers.ts";
import type { CloudOptions } from "./cloud-options.ts";
import { startCloudRun } from "./cloud-run/start-cloud-run.ts";
import { createBucket } from "./create-bucket.ts";
import { makeDataFolder } from "./data-folder.ts";
import { CLOUD_RUN_REGION, defineJobs } from "./define-jobs.ts";
import { startGateway } from "./gateway/start-gateway.ts";
import { type RunningKaggle, startKaggle } from "./kaggle/start-kaggle.ts";
import { loadKeys } from "./keys.ts";
import type { Log } from "./log.ts";
import { openDatabase, type RestartableWorker } from "./open-database.ts";
import { type Account, configure, createAccounts } from "./seed-cloud.ts";
import { claimDataFolder } from "./single-instance.ts";
import { type RunningSnowflake, startSnowflake } from "./snowflake/start-snowflake.ts";
import { startStorage } from "./storage/start-storage.ts";

export const BUCKET = "corral-local";
/** The Kaggle login of the local cloud's own jobs. */
const KAGGLE_LOGIN = { username: "corral", key: "local-kaggle-key" };
/** The Snowflake login of the local cloud's own jobs; the tables are in the database CORRAL, schema PUBLIC. */
const SNOWFLAKE = { account: "local", user: "CORRAL", password: "local-snowflake-password", database: "CORRAL" };
const SNOWFLAKE_INTEGRATION = "CORRAL_STORAGE";

/** What `npm start -- --json` prints; scripts rely on these names. */
export interface CloudInfo {
  functions_url: string;
  api_url: string;
  anon_key: string;
  service_role_key: string;
  admin: Account;
  owner: Account;
  postgres_url: string;
  storage_endpoint: string;
  bucket: string;
  cloud_run_endpoint: string;
  kaggle_endpoint: string;
  snowflake_url: string;
  snowflake: typeof SNOWFLAKE;
}

export interface Cloud {
  info: CloudInfo;
  /** A superuser's URL where Postgres is ours; the given one with --postgres-url. */
  adminUrl: string;
  /** What plays pg_net's background worker; an existing Postgres has its own. */
  pgNet?: RestartableWorker;
  kaggle: RunningKaggle;
  snowflake: RunningSnowflake;
  /** The process ids of the job containers that run now. */
  containerPids(): number[];
  /** The process ids of the functions that run now. */
  functionPids(): number[];
  /** Breaks every connection to the gateway and starts it again on its port. */
  restartGateway(): Promise<void>;
  /** Kills Postgres and starts it again on its data and its port; an existing Postgres is not ours to kill. */
  crashPostgres?: () => Promise<void>;
  close(): Promise<void>;
}

/** Starts every part of the local cloud and resolves once all of it answers; what fails to start leaves nothing running. */
export async function startCloud(options: CloudOptions, logs: (part: string) => Log): Promise<Cloud> {
  const closers = new Closers();
  try {
    return await startParts(options, logs, closers);
  } catch (error) {
    await closers.close().catch(() => undefined);
    throw error;
  }
}

async function startParts(options: CloudOptions, logs: (part: string) => Log, closers: Closers): Promise<Cloud> {
  const { ports } = options;
  await makeDataFolder(options.dataDir);
  // One folder has one claim, however it is named.
  const dataDir = await realpath(options.dataDir);
  closers.add(await claimDataFolder(dataDir));
  if (options.fresh) await forget(dataDir);
  const keys = await loadKeys(dataDir);
  const { serviceAccount, storageHmac } = keys;

  const own = <T extends { close(): Promise<unknown> }>(part: T): T => {
    closers.add(() => part.close());
    return part;
  };
  const bundling = buildJobs();
  // Awaited once Postgres is up or has failed: a server that is still starting has no closer yet.
  bundling.catch(() => undefined);
  const database = await openDatabase(options, dataDir, logs, closers);
  const bundles = await bundling;
  const storage = own(
    await startStorage({
      port: ports.storage,
      dir: join(dataDir, "storage"),
      serviceAccount,
      storageHmac,
      log: logs("storage"),
    }),
  );
  const kaggle = own(await startKaggle({ port: ports.kaggle, users: [KAGGLE_LOGIN], log: logs("kaggle") }));
  const snowflake = own(
    await startSnowflake({
      port: ports.snowflake,
      dir: join(dataDir, "snowflake"),
      users: [{ login: SNOWFLAKE.user, password: SNOWFLAKE.password }],
      storage: { url: storage.url, bucket: BUCKET, integration: SNOWFLAKE_INTEGRATION },
      log: logs("snowflake"),
    }),
  );
  const cloudRun = await startCloudRun({
    port: ports.cloudRun,
    serviceAccount,
    startupDelayMs: options.jobStartDelayMs,
    log: logs("cloud-run"),
  });
  const openGateway = (port: number) =>
    startGateway({
      port,
      postgresUrl: database.authenticatorUrl,
      adminUrl: database.adminUrl,
      databaseUrl: database.url,
      keys,
      functionEnv: {
        DISPATCH_SECRET: keys.dispatchSecret,
        GOOGLE_CREDENTIALS: JSON.stringify(serviceAccount),
        CLOUD_RUN_REGION,
        CLOUD_RUN_ENDPOINT: cloudRun.url,
        STORAGE_BUCKET: BUCKET,
        STORAGE_ENDPOINT: storage.url,
        STORAGE_HMAC_ACCESS_ID: storageHmac.accessId,
        STORAGE_HMAC_SECRET: storageHmac.secret,
      },
      log: logs,
    });
  let gateway = await openGateway(ports.gateway).catch(async (error: unknown) => {
    await cloudRun.close();
    throw error;
  });
  closers.add(() => gateway.close());
  // After the gateway, so that it stops before: a container that is told to stop still gives its run back.
  own(cloudRun);
  const functionsUrl = `${gateway.url}/functions/v1`;

  await configure(database.adminUrl, {
    functionsUrl,
    dispatchSecret: keys.dispatchSecret,
    openEnrollment: options.openEnrollment,
    openAdmin: options.openAdmin,
  });
  await createBucket(storage.url, BUCKET);
  await defineJobs(cloudRun.url, serviceAccount, bundles, {
    SUPABASE_URL: gateway.url,
    SUPABASE_SERVICE_ROLE_KEY: keys.serviceRoleKey,
    STORAGE_BUCKET: BUCKET,
    STORAGE_ENDPOINT: storage.url,
    KAGGLE_API_URL: `${kaggle.url}/v1`,
    KAGGLE_USERNAME: KAGGLE_LOGIN.username,
    KAGGLE_KEY: KAGGLE_LOGIN.key,
    SNOWFLAKE_URL: snowflake.url,
    SNOWFLAKE_ACCOUNT: SNOWFLAKE.account,
    SNOWFLAKE_USER: SNOWFLAKE.user,
    SNOWFLAKE_PASSWORD: SNOWFLAKE.password,
    SNOWFLAKE_DATABASE: SNOWFLAKE.database,
    SNOWFLAKE_STORAGE_INTEGRATION: SNOWFLAKE_INTEGRATION,
    DATABASE_URL: database.url,
  });
  const accounts = await createAccounts(gateway.url, keys.serviceRoleKey);

  return {
    info: {
      functions_url: functionsUrl,
      api_url: gateway.url,
      anon_key: keys.anonKey,
      service_role_key: keys.serviceRoleKey,
      ...accounts,
      postgres_url: database.url,
      storage_endpoint: storage.url,
      bucket: BUCKET,
      cloud_run_endpoint: cloudRun.url,
      kaggle_endpoint: kaggle.url,
      snowflake_url: snowflake.url,
      snowflake: SNOWFLAKE,
    },
    adminUrl: database.adminUrl,
    ...(database.pgNet === undefined ? {} : { pgNet: database.pgNet }),
    kaggle,
    snowflake,
    containerPids: cloudRun.containerPids,
    functionPids: () => gateway.functionPids(),
    restartGateway: async () => {
      await gateway.close();
      gateway = await openGateway(Number(new URL(gateway.url).port));
    },
    ...(database.crash === undefined ? {} : { crashPostgres: database.crash }),
    close: () => closers.close(),
  };
}

async function forget(dataDir: string): Promise<void> {
  for (const part of ["keys.json", "storage", "snowflake"])
    await rm(join(dataDir, part), { recursive: true, force: true });
}
