import { z } from "zod";
import { createUrlSigner } from "../../shared/cloud/sign-url.ts";
import { signingKeyEnv } from "../../shared/cloud/signing-key-env.ts";
import { connectDb } from "../../shared/db/connect-db.ts";
import { createApp } from "./app.ts";

declare const EdgeRuntime: { waitUntil(work: Promise<unknown>): void };

const env = z
  .object({
    SUPABASE_URL: z.url(),
    SUPABASE_ANON_KEY: z.string(),
    SUPABASE_SERVICE_ROLE_KEY: z.string(),
    STORAGE_BUCKET: z.string().min(1),
    STORAGE_ENDPOINT: z.url().optional(),
  })
  .parse(Deno.env.toObject());

const bucket = { bucket: env.STORAGE_BUCKET, endpoint: env.STORAGE_ENDPOINT };
const app = createApp({
  db: connectDb({ url: env.SUPABASE_URL, key: env.SUPABASE_SERVICE_ROLE_KEY }),
  anonKey: env.SUPABASE_ANON_KEY,
  storage: { ...bucket, sign: createUrlSigner({ ...bucket, key: signingKeyEnv.parse(Deno.env.toObject()) }) },
  waitUntil: (work) => EdgeRuntime.waitUntil(work),
});

Deno.serve(app.fetch);
