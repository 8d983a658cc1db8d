import { z } from "zod";
import { connectCloudRun } from "../../shared/cloud/cloud-run.ts";
import { serviceAccountJson } from "../../shared/cloud/service-account.ts";
import { createUrlSigner } from "../../shared/cloud/sign-url.ts";
import { signingKeyEnv } from "../../shared/cloud/signing-key-env.ts";
import { connectDb } from "../../shared/db/connect-db.ts";
import { createApp } from "./app.ts";

declare const EdgeRuntime: { waitUntil(work: Promise<unknown>): void };

const variables = Deno.env.toObject();
const env = z
  .object({
    SUPABASE_URL: z.url(),
    SUPABASE_SERVICE_ROLE_KEY: z.string(),
    DISPATCH_SECRET: z.string().min(1),
    GOOGLE_CREDENTIALS: serviceAccountJson,
    CLOUD_RUN_REGION: z.string().min(1),
    CLOUD_RUN_ENDPOINT: z.url().optional(),
    STORAGE_BUCKET: z.string().min(1),
    STORAGE_ENDPOINT: z.url().optional(),
  })
  .parse(variables);

const app = createApp({
  db: connectDb({ url: env.SUPABASE_URL, key: env.SUPABASE_SERVICE_ROLE_KEY }),
  cloudRun: connectCloudRun({
    credentials: env.GOOGLE_CREDENTIALS,
    region: env.CLOUD_RUN_REGION,
    endpoint: env.CLOUD_RUN_ENDPOINT === undefined ? undefined : new URL(env.CLOUD_RUN_ENDPOINT),
  }),
  sign: createUrlSigner({
    bucket: env.STORAGE_BUCKET,
    endpoint: env.STORAGE_ENDPOINT,
    key: signingKeyEnv.parse(variables),
  }),
  dispatchSecret: env.DISPATCH_SECRET,
  waitUntil: (work) => EdgeRuntime.waitUntil(work),
});

Deno.serve(app.fetch);
