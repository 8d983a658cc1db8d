import { z } from "zod";
import { allowedHosts } from "../../shared/cloud/public-url.ts";
import { createUrlSigner } from "../../shared/cloud/sign-url.ts";
import { signingKeyEnv } from "../../shared/cloud/signing-key-env.ts";
import { connectDb } from "../../shared/db/connect-db.ts";
import { createCallerReader } from "../../shared/http/caller.ts";
import { createApp } from "./app.ts";
import { createJobFiles } from "./job-files.ts";

const variables = Deno.env.toObject();
const env = z
  .object({
    SUPABASE_URL: z.url(),
    SUPABASE_ANON_KEY: z.string(),
    SUPABASE_SERVICE_ROLE_KEY: z.string(),
    STORAGE_BUCKET: z.string().min(1),
    STORAGE_ENDPOINT: z.url().optional(),
    FETCH_ALLOWED_HOSTS: allowedHosts,
  })
  .parse(variables);
const bucket = { bucket: env.STORAGE_BUCKET, endpoint: env.STORAGE_ENDPOINT };

const app = createApp({
  db: connectDb({ url: env.SUPABASE_URL, key: env.SUPABASE_SERVICE_ROLE_KEY }),
  readCaller: createCallerReader({
    supabaseUrl: env.SUPABASE_URL,
    anonKey: env.SUPABASE_ANON_KEY,
    serviceRoleKey: env.SUPABASE_SERVICE_ROLE_KEY,
  }),
  files: createJobFiles({
    ...bucket,
    allowedHosts: env.FETCH_ALLOWED_HOSTS,
    sign: createUrlSigner({ ...bucket, key: signingKeyEnv.parse(variables) }),
  }),
});

Deno.serve(app.fetch);
