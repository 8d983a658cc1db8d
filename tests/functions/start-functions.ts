import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Storage } from "@google-cloud/storage";
import { startCloudRun } from "../../local/cloud-run/start-cloud-run.ts";
import { CLOUD_RUN_REGION, defineJobs } from "../../local/define-jobs.ts";
import { startGateway } from "../../local/gateway/start-gateway.ts";
import { loadKeys } from "../../local/keys.ts";
import { startStorage } from "../../local/storage/start-storage.ts";
import { cloneDatabase } from "../setup/database.ts";

interface CallOptions {
  method?: string;
  /** JSON, unless it is a form. */
  body?: unknown;
  token?: string | undefined;
  headers?: Record<string, string>;
}

const BUCKET = "bucket";

/** Starts the real functions in real Deno behind the gateway, on a database of their own, with Cloud Run and a bucket beside. */
export async function startFunctions() {
  const folder = await mkdtemp(join(tmpdir(), "corral-functions-"));
  const keys = await loadKeys(folder);
  const db = await cloneDatabase();
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const cloudRun = await startCloudRun({ port: 0, serviceAccount: keys.serviceAccount, log });
  const storage = await startStorage({ port: 0, dir: join(folder, "storage"), ...keys, log });
  const [bucket] = await new Storage({ apiEndpoint: storage.url, projectId: "test" }).createBucket(BUCKET);
  const gateway = await startGateway({
    port: 0,
    postgresUrl: db.authenticatorUrl,
    adminUrl: db.adminUrl,
    databaseUrl: db.url,
    keys,
    functionEnv: {
      DISPATCH_SECRET: keys.dispatchSecret,
      GOOGLE_CREDENTIALS: JSON.stringify(keys.serviceAccount),
      CLOUD_RUN_REGION,
      CLOUD_RUN_ENDPOINT: cloudRun.url,
      STORAGE_BUCKET: BUCKET,
      STORAGE_ENDPOINT: storage.url,
      STORAGE_HMAC_ACCESS_ID: keys.storageHmac.accessId,
      STORAGE_HMAC_SECRET: keys.storageHmac.secret,
    },
    log: () => log,
  });

  return {
    db,
    keys,
    url: `${gateway.url}/functions/v1`,
    /** What the functions and the containers have printed. */
    lines,
    /** Google's own client, to look into the bucket. */
    bucket,

    /** Defines a Cloud Run job that runs a file. */
    defineJob: (kind: string, file: string) => defineJobs(cloudRun.url, keys.serviceAccount, { [kind]: file }, {}),

    /** Calls a function, JSON both ways. */
    async call(path: string, { method = "GET", body, token, headers = {} }: CallOptions = {}) {
      const isJson = body !== undefined && !(body instanceof FormData);
      const reply = await fetch(`${gateway.url}/functions/v1${path}`, {
        method,
        headers: {
          ...(isJson ? { "content-type": "application/json" } : {}),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: isJson && typeof body !== "string" ? JSON.stringify(body) : body }),
      });
      return { status: reply.status, headers: reply.headers, body: await reply.json() };
    },

    /** Makes a user of Supabase Auth and a token of his. */
    async createUser(appMetadata: Record<string, unknown> = {}) {
      const id = randomUUID();
      await db.sql("insert into auth.users (id, email) values ($1, $2)", [id, `${id}@example.org`]);
      const now = Math.floor(Date.now() / 1000);
      const claims = { role: "authenticated", aud: "authenticated", iss: `${gateway.url}/auth/v1` };
      const token = await keys.sign({ ...claims, sub: id, iat: now, exp: now + 600, app_metadata: appMetadata });
      return { id, token };
    },

    async createProject(userId: string, status = "draft") {
      const rows = await db.sql<{ id: string }>(
        "insert into public.projects (user_id, name, search_keywords, status) values ($1, 'weather', '{seattle,weather}', $2::text::public.project_status) returning id",
        [userId, status],
      );
      const id = rows[0]?.id;
      if (id === undefined) throw new Error("no project");
      return id;
    },

    async close() {
      await gateway.close();
      await cloudRun.close();
      await storage.close();
      await db.drop();
      await rm(folder, { recursive: true });
    },
  };
}
