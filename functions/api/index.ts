import { z } from "zod";
import { createUrlSigner } from "../../shared/cloud/sign-url.ts";
import { signingKeyEnv } from "../../shared/cloud/signing-key-env.ts";
import { connectSupabaseAuth } from "../../shared/cloud/supabase-auth.ts";
import { connectDb } from "../../shared/db/connect-db.ts";
import { findFinishedQueries } from "../../shared/db/queries.ts";
import { createCallerReader } from "../../shared/http/caller.ts";
import { createApp } from "./app.ts";
import { createArtifactStore } from "./artifact-store.ts";
import { createQueryFiles } from "./query-files.ts";
import { QueryWatch } from "./query-watch.ts";
import { createSnapshotFiles } from "./snapshot-files.ts";

declare const EdgeRuntime: { waitUntil(work: Promise<unknown>): void };

const variables = Deno.env.toObject();
const env = z
  .object({
    SUPABASE_URL: z.url(),
    SUPABASE_ANON_KEY: z.string(),
    SUPABASE_SERVICE_ROLE_KEY: z.string(),
    STORAGE_BUCKET: z.string().min(1),
    STORAGE_ENDPOINT: z.url().optional(),
  })
  .parse(variables);
const sign = createUrlSigner({
  bucket: env.STORAGE_BUCKET,
  endpoint: env.STORAGE_ENDPOINT,
  key: signingKeyEnv.parse(variables),
});

const db = connectDb({ url: env.SUPABASE_URL, key: env.SUPABASE_SERVICE_ROLE_KEY });

const app = createApp({
  db,
  readCaller: createCallerReader({
    supabaseUrl: env.SUPABASE_URL,
    anonKey: env.SUPABASE_ANON_KEY,
    serviceRoleKey: env.SUPABASE_SERVICE_ROLE_KEY,
  }),
  auth: connectSupabaseAuth({ url: env.SUPABASE_URL, anonKey: env.SUPABASE_ANON_KEY }),
  anonKey: env.SUPABASE_ANON_KEY,
  snapshots: createSnapshotFiles({ sign }),
  results: createQueryFiles({ sign }),
  watch: new QueryWatch((queries) => findFinishedQueries(db, queries)),
  artifacts: createArtifactStore({ sign }),
  waitUntil: (work) => EdgeRuntime.waitUntil(work),
});

Deno.serve(app.fetch);
