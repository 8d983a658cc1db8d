import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Storage } from "@google-cloud/storage";
import { buildJobs, type JobKind } from "../../jobs/build.ts";
import { createBucket } from "../../local/create-bucket.ts";
import { startGateway } from "../../local/gateway/start-gateway.ts";
import { startKaggle } from "../../local/kaggle/start-kaggle.ts";
import { loadKeys } from "../../local/keys.ts";
import { startStorage } from "../../local/storage/start-storage.ts";
import { cloneDatabase } from "../setup/database.ts";

const BUCKET = "lane-bucket";
const KAGGLE_LOGIN = { username: "lane", key: "lane-key" };

export interface ProjectFacts {
  keywords?: string[];
  metadata?: Record<string, unknown>;
}

export interface RunRow extends Record<string, unknown> {
  id: string;
  state: string;
  attempt: number;
  phase: string | null;
  progress: Record<string, unknown> | null;
  error_code: string | null;
  error_message: string | null;
  reported_at: Date | null;
}

/** A job's process: its lines as they come, and its end. */
export class JobProcess {
  readonly lines: string[] = [];
  readonly child: ChildProcess;
  readonly #watchers = new Set<(line: string) => void>();
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;

  constructor(file: string, env: Record<string, string>) {
    this.child = spawn(process.execPath, [file], { env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.child.stdout, this.child.stderr])
      if (stream) createInterface({ input: stream }).on("line", (line) => this.#add(line));
    this.exit = once(this.child, "close").then(([code, signal]) => ({ code, signal }));
  }

  /** Resolves with the first line that matches, printed before or from now on; rejects if the process ends without. */
  untilLine(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = (line: string) => void (pattern.test(line) && resolve(line));
      this.#watchers.add(look);
      this.lines.forEach(look);
      void this.exit.then(() =>
        reject(new Error(`The job ended without a line like ${pattern}:\n${this.lines.join("\n")}`)),
      );
    });
  }

  #add(line: string): void {
    this.lines.push(line);
    for (const look of this.#watchers) look(line);
  }
}

/** Everything that the dataset lane's jobs talk to, on a database of their own: Postgres, its API, a bucket, Kaggle. */
export async function startLane(kaggleOptions: Partial<Parameters<typeof startKaggle>[0]> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "corral-lane-"));
  const keys = await loadKeys(folder);
  const [db, files] = await Promise.all([cloneDatabase(), buildJobs()]);
  const storage = await startStorage({ port: 0, dir: join(folder, "storage"), ...keys });
  const kaggle = await startKaggle({ port: 0, users: [KAGGLE_LOGIN], ...kaggleOptions });
  const gateway = await startGateway({
    port: 0,
    postgresUrl: db.authenticatorUrl,
    adminUrl: db.adminUrl,
    databaseUrl: db.url,
    keys,
    functionEnv: {},
    log: () => () => undefined,
  });
  await createBucket(storage.url, BUCKET);
  const bucket = new Storage({ apiEndpoint: storage.url, projectId: "lane" }).bucket(BUCKET);
  const owner = await createOwner(db);

  const readRun = async (id: string): Promise<RunRow> => {
    const [run] = await db.sql<RunRow>("select * from corral.runs where id = $1", [id]);
    if (run === undefined) throw new Error(`no run ${id}`);
    return run;
  };

  function spawnJob(run: string, attempt: number, kind: JobKind = "kaggle-to-gcs", env: Record<string, string> = {}) {
    return new JobProcess(files[kind], {
      PATH: process.env.PATH ?? "",
      SUPABASE_URL: gateway.url,
      SUPABASE_SERVICE_ROLE_KEY: keys.serviceRoleKey,
      RUN_ID: run,
      RUN_ATTEMPT: String(attempt),
      CLOUD_RUN_EXECUTION: `test-${run}-${attempt}`,
      STORAGE_BUCKET: BUCKET,
      STORAGE_ENDPOINT: storage.url,
      KAGGLE_API_URL: `${kaggle.url}/v1`,
      KAGGLE_USERNAME: KAGGLE_LOGIN.username,
      KAGGLE_KEY: KAGGLE_LOGIN.key,
      ...env,
    });
  }

  return {
    db,
    kaggle,
    bucket,
    owner,
    readRun,

    /** Makes a project that wants a dataset, and resolves to its id and its run's. */
    async enqueue({ keywords = ["seattle", "weather"], metadata = {} }: ProjectFacts = {}) {
      const [project] = await db.sql<{ id: string }>(
        `insert into public.projects (user_id, name, search_keywords, metadata, status)
         values ($1, 'lane', $2, $3, 'pending_dataset') returning id`,
        [owner, keywords, metadata],
      );
      const [run] = await db.sql<{ id: string }>("select id from corral.runs where subject = $1", [project?.id]);
      if (project === undefined || run === undefined) throw new Error("the project got no run");
      return { project: project.id, run: run.id };
    },

    /** Makes a run of the cleanup job. */
    async enqueueCleanup() {
      const [run] = await db.sql<{ id: string }>("select corral.enqueue_run('cleanup', 'bucket') as id");
      if (run === undefined) throw new Error("no run");
      return run.id;
    },

    /** Claims a run as dispatch does, and starts the container's process. */
    async launch(run: string, kind: JobKind = "kaggle-to-gcs", env: Record<string, string> = {}) {
      await db.sql("update corral.runs set run_after = corral.now() where id = $1 and state = 'queued'", [run]);
      const [claim] = await db.sql<{ outcome: string; attempt: number }>("select * from public.claim_run($1)", [run]);
      if (claim?.outcome !== "claimed") throw new Error(`run ${run} cannot be claimed: ${claim?.outcome}`);
      return spawnJob(run, claim.attempt, kind, env);
    },

    /** Starts the container's process of an attempt that was claimed before. */
    relaunch: (run: string, attempt: number) => spawnJob(run, attempt),

    /** The names of all objects in the bucket. */
    async listObjects() {
      const [found] = await bucket.getFiles();
      return found.map((file) => file.name);
    },

    async close() {
      await Promise.all([gateway.close(), kaggle.close(), storage.close()]);
      await db.drop();
      await rm(folder, { recursive: true });
    },
  };
}

export type Lane = Awaited<ReturnType<typeof startLane>>;

async function createOwner(db: Awaited<ReturnType<typeof cloneDatabase>>): Promise<string> {
  const [user] = await db.sql<{ id: string }>(
    "insert into auth.users (id, email) values (gen_random_uuid(), 'lane@example.org') returning id",
  );
  if (user === undefined) throw new Error("no user");
  return user.id;
}
