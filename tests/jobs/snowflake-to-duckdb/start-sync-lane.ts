import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { startSnowflake } from "../../../local/snowflake/start-snowflake.ts";
import { callSnowflake } from "../../local/snowflake/call-snowflake.ts";
import { LOGIN } from "../../local/snowflake/serve-snowflake.ts";
import { type JobProcess, type Lane, startLane } from "../start-lane.ts";

export interface SyncWish {
  strategy?: "full" | "incremental" | "snapshot";
  incremental_key?: string;
  primary_key?: string[];
  filter_condition?: string;
  detect_deletes?: boolean;
  append?: boolean;
  name?: string;
  overlap_seconds?: number;
  batch_size?: number;
  max_retries?: number;
  timeout_seconds?: number;
  checksum?: "auto" | "always" | "never";
  path?: "auto" | "unload" | "rows";
}

export interface SnapshotRow extends Record<string, unknown> {
  version: string;
  folder: string;
  row_count: string;
  fixed_moment: boolean;
  watermark: string | null;
  columns: { name: string; type: string; source_type: string; nullable: boolean }[];
}

export interface SyncRow extends Record<string, unknown> {
  state: string;
  error_code: string | null;
  error: string | null;
  version: string | null;
  stats: Record<string, unknown> | null;
}

/** Other ways for the same user to log in. */
export const TOKEN = "lane-token";
export const KEY_PASSPHRASE = "lane-passphrase";

export const PATHS = ["unload", "rows"] as const;

/** The jobs' lane, with a Snowflake beside it that unloads into its bucket. */
export async function startSyncLane() {
  const lane: Lane = await startLane();
  const { db, bucket } = lane;
  const folder = await mkdtemp(join(tmpdir(), "corral-sync-lane-"));
  const { publicKey, privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: KEY_PASSPHRASE },
  });
  const server = await startSnowflake({
    port: 0,
    users: [{ ...LOGIN, publicKeyPem: publicKey, tokens: [TOKEN] }],
    storage: { url: bucket.storage.apiEndpoint, bucket: bucket.name, integration: "GCS" },
  });
  const env = {
    TMPDIR: folder,
    SNOWFLAKE_ACCOUNT: "acct",
    SNOWFLAKE_URL: server.url,
    SNOWFLAKE_USER: LOGIN.login,
    SNOWFLAKE_PASSWORD: LOGIN.password,
    SNOWFLAKE_DATABASE: "corral",
    SNOWFLAKE_WAREHOUSE: "COMPUTE_WH",
    SNOWFLAKE_STORAGE_INTEGRATION: "gcs",
  };

  const readSync = async (sync: string): Promise<SyncRow> => {
    const [row] = await db.sql<SyncRow>("select *, state::text from corral.syncs where id = $1", [sync]);
    if (row === undefined) throw new Error(`no sync ${sync}`);
    return row;
  };

  return {
    ...lane,
    server,
    env,
    privateKey,

    /** Makes tables of Snowflake's, and changes them; in a session of its own, since others may have been ended. */
    async make(...statements: string[]) {
      const snowflake = await callSnowflake(server.url);
      for (const sql of statements) await snowflake.run(sql);
    },

    async cells(sql: string) {
      return (await callSnowflake(server.url)).cells(sql);
    },

    /** Registers a table, if it is not yet, and makes a sync of it; resolves to its id and its run's. */
    async enqueueSync(table: string, wish: SyncWish = {}, schema = "PUBLIC") {
      await db.sql("insert into corral.tables (schema_name, table_name) values ($1, $2) on conflict do nothing", [
        schema,
        table,
      ]);
      const [made] = await db.sql<{ sync: string }>(
        "select corral.add_sync(t, $3) as sync from corral.tables t where schema_name = $1 and table_name = $2",
        [schema, table, { strategy: "full", ...wish }],
      );
      const [run] = await db.sql<{ id: string }>("select id from corral.runs where sync_id = $1", [made?.sync]);
      if (made === undefined || run === undefined) throw new Error("the sync got no run");
      return { sync: made.sync, run: run.id };
    },

    launchSync: (run: string, more: Record<string, string> = {}): Promise<JobProcess> =>
      lane.launch(run, "snowflake-to-duckdb", { ...env, ...more }),

    /** Syncs a table, which must succeed; resolves to what was published. */
    async sync(table: string, wish: SyncWish = {}, schema = "PUBLIC") {
      const { sync, run } = await this.enqueueSync(table, wish, schema);
      const job = await this.launchSync(run);
      const { code } = await job.exit;
      if (code !== 0) throw new Error(`the sync failed:\n${job.lines.join("\n")}`);
      return { sync: await readSync(sync), snapshot: await this.readSnapshot(table, schema), lines: job.lines };
    },

    /** Syncs a table, which must fail; resolves to how. */
    async failedSync(table: string, wish: SyncWish = {}, more: Record<string, string> = {}) {
      const { sync, run } = await this.enqueueSync(table, { max_retries: 0, ...wish });
      const job = await this.launchSync(run, more);
      const { code } = await job.exit;
      if (code === 0) throw new Error(`the sync did not fail:\n${job.lines.join("\n")}`);
      return readSync(sync);
    },

    readSync,

    /** The snapshot that serves. */
    async readSnapshot(table: string, schema = "PUBLIC"): Promise<SnapshotRow> {
      const [row] = await db.sql<SnapshotRow>(
        `select s.* from corral.tables t join corral.snapshots s on s.id = t.snapshot_id
          where t.schema_name = $1 and t.table_name = $2`,
        [schema, table],
      );
      if (row === undefined) throw new Error(`${schema}.${table} has no snapshot`);
      return row;
    },

    /** What a query of a snapshot's `data` returns; types as DuckDB tells them, values as it writes them. */
    async query({ folder: at }: { folder: string }, sql: string): Promise<unknown[][]> {
      const file = join(folder, `read-${at.replaceAll("/", "-")}.duckdb`);
      await bucket.file(`snapshots/${at}/table.duckdb`).download({ destination: file });
      const instance = await DuckDBInstance.create(file, { access_mode: "READ_ONLY" });
      const connection = await instance.connect();
      try {
        return (await connection.runAndReadAll(sql)).getRowsJson();
      } finally {
        connection.closeSync();
        instance.closeSync();
        await rm(file);
      }
    },

    /** A file beside a snapshot's table. */
    async readFile({ folder: at }: { folder: string }, name: string): Promise<unknown> {
      const [content] = await bucket.file(`snapshots/${at}/${name}`).download();
      return JSON.parse(String(content));
    },

    /** Puts a run that is not over back into the queue, as the sweep does when a lease has run out. */
    async expireLease(run: string): Promise<void> {
      await db.sql(
        `update corral.runs set lease_expires_at = corral.now() - interval '1 second'
          where id = $1 and lease_expires_at is not null`,
        [run],
      );
      await db.sql("select corral.sweep()");
    },

    /** What a job left on the disk. */
    listScratch: () => readdir(folder),

    /** Objects that are none of the snapshots' that are on record. */
    async listStrayObjects(): Promise<string[]> {
      const known = await db.sql<{ folder: string }>("select folder from corral.snapshots");
      const names = await lane.listObjects();
      return names.filter((name) => !known.some(({ folder: at }) => name.startsWith(`snapshots/${at}/`)));
    },

    async close() {
      await server.close();
      await lane.close();
      await rm(folder, { recursive: true });
    },
  };
}

export type SyncLane = Awaited<ReturnType<typeof startSyncLane>>;
