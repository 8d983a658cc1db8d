import { rm } from "node:fs/promises";
import type { Log } from "../log.ts";
import { bootstrapDatabase } from "./bootstrap.ts";
import { initCluster, markBootstrapped } from "./init-cluster.ts";
import { installBinaries } from "./install-binaries.ts";
import { emptyHome, openHome } from "./postgres-home.ts";
import { ADMIN_ROLE, OWNER_PASSWORD, postgresUrl } from "./postgres-urls.ts";
import { ensureNotRunning } from "./running-server.ts";
import { loadSecrets } from "./secrets.ts";
import { startServerProcess } from "./server-process.ts";

export interface PostgresOptions {
  dataDir: string;
  /** 0 asks for any free port. */
  port: number;
  /** Forget the data of earlier starts. */
  fresh?: boolean;
  log?: Log;
}

export interface RunningPostgres {
  /** As role `postgres`: no superuser, bypasses RLS, owns the migrations. */
  url: string;
  /** As the bootstrap superuser. */
  adminUrl: string;
  /** As role `authenticator`, for the gateway. */
  authenticatorUrl: string;
  port: number;
  /** Kills the server and starts it again on the same port: what was committed is there, and every connection is lost. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts Postgres 17 on a data folder, holding what a hosted Supabase database holds before migrations. */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const home = await openHome(options.dataDir);
  await ensureNotRunning(home.clusterDir);
  if (options.fresh === true) await emptyHome(home);
  const binaries = await installBinaries(home.dir);
  const secrets = await loadSecrets(home.dir);
  const isNew = await initCluster(home, binaries, secrets.adminPassword);

  const { clusterDir, socketDir, user } = home;
  const { port, log } = options;
  const process = { executable: binaries.postgres, clusterDir, socketDir, user, log };
  let server = await startServerProcess({ ...process, port });
  const adminUrl = postgresUrl(ADMIN_ROLE, secrets.adminPassword, server.port);
  try {
    if (isNew) {
      await bootstrapDatabase(adminUrl, secrets);
      await markBootstrapped(home);
    }
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    url: postgresUrl("postgres", OWNER_PASSWORD, server.port),
    adminUrl,
    authenticatorUrl: postgresUrl("authenticator", secrets.authenticatorPassword, server.port),
    port: server.port,
    crash: async () => {
      await server.kill();
      server = await startServerProcess({ ...process, port: server.port });
    },
    stop: async () => {
      await server.stop();
      await rm(socketDir, { recursive: true, force: true });
    },
  };
}
