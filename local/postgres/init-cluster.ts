import { randomBytes } from "node:crypto";
import { chmod, chown, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { bootstrapFiles } from "./bootstrap.ts";
import { type Binaries, fingerprint, listExtensionFiles } from "./install-binaries.ts";
import type { PostgresHome } from "./postgres-home.ts";
import { ADMIN_ROLE } from "./postgres-urls.ts";
import { runServerProgram } from "./server-process.ts";

/** Written last, so that a cluster whose making was cut short is made anew. */
const MARKER = "corral-bootstrap";

const HOST_RULES = `local all all peer map=workers
host all all 127.0.0.1/32 scram-sha-256
`;

/**
 * Makes the cluster unless there is one, and resolves to whether it still has to be bootstrapped.
 * One that another version of the bootstrap has filled is refused.
 */
export async function initCluster(home: PostgresHome, binaries: Binaries, adminPassword: string): Promise<boolean> {
  const made = await readFile(join(home.clusterDir, MARKER), "utf8").catch(() => undefined);
  if (made !== undefined && made !== (await bootstrapVersion())) {
    throw new Error(
      `The Postgres data in ${home.dir} is from another version of the local cloud. Start over with --fresh.`,
    );
  }
  if (made === undefined) await makeCluster(home, binaries, adminPassword);
  await writeOwned(home, "pg_hba.conf", HOST_RULES);
  // Workers in this process may log in as any role through the socket; the network needs passwords.
  await writeOwned(home, "pg_ident.conf", `workers ${JSON.stringify(userInfo().username)} all\n`);
  return made === undefined;
}

/** Notes that the cluster holds all that a hosted one holds before migrations. */
export async function markBootstrapped(home: PostgresHome): Promise<void> {
  await writeOwned(home, MARKER, await bootstrapVersion());
}

async function bootstrapVersion(): Promise<string> {
  return fingerprint([...bootstrapFiles, ...(await listExtensionFiles())]);
}

async function makeCluster(home: PostgresHome, binaries: Binaries, adminPassword: string): Promise<void> {
  await rm(home.clusterDir, { recursive: true, force: true });
  await mkdir(home.clusterDir, { mode: 0o700 });
  if (home.user !== undefined) await chown(home.clusterDir, home.user.uid, home.user.gid);
  const passwordFile = join(home.dir, "initdb-password");
  try {
    await writeFile(passwordFile, adminPassword, { mode: 0o600 });
    if (home.user !== undefined) await chown(passwordFile, home.user.uid, home.user.gid);
    await runServerProgram(
      binaries.initdb,
      [
        `--pgdata=${home.clusterDir}`,
        `--username=${ADMIN_ROLE}`,
        `--pwfile=${passwordFile}`,
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        // The same sort order on every machine, and the one that hosted projects have.
        "--locale-provider=builtin",
        "--locale=C",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
      ],
      home.clusterDir,
      home.user,
    );
  } finally {
    await rm(passwordFile, { force: true });
  }
  // Vault's root key: beside the database, never in it nor in a dump of it.
  await writeOwned(home, "vault.key", randomBytes(32).toString("hex"));
}

async function writeOwned(home: PostgresHome, name: string, content: string): Promise<void> {
  const path = join(home.clusterDir, name);
  await writeFile(path, content, { mode: 0o600 });
  await chmod(path, 0o600);
  if (home.user !== undefined) await chown(path, home.user.uid, home.user.gid);
}
