import { z } from "zod";
import { connectCloudRun } from "../../shared/cloud/cloud-run.ts";
import { serviceAccountJson } from "../../shared/cloud/service-account.ts";
import { connectDb } from "../../shared/db/connect-db.ts";
import { createApp } from "./app.ts";

declare const EdgeRuntime: { waitUntil(work: Promise<unknown>): void };

const env = z
  .object({
    SUPABASE_URL: z.url(),
    SUPABASE_SERVICE_ROLE_KEY: z.string(),
    DISPATCH_SECRET: z.string().min(1),
    GOOGLE_CREDENTIALS: serviceAccountJson,
    CLOUD_RUN_REGION: z.string().min(1),
    CLOUD_RUN_ENDPOINT: z.url().optional(),
  })
  .parse(Deno.env.toObject());

const app = createApp({
  db: connectDb({ url: env.SUPABASE_URL, key: env.SUPABASE_SERVICE_ROLE_KEY }),
  cloudRun: connectCloudRun({
    credentials: env.GOOGLE_CREDENTIALS,
    region: env.CLOUD_RUN_REGION,
    endpoint: env.CLOUD_RUN_ENDPOINT === undefined ? undefined : new URL(env.CLOUD_RUN_ENDPOINT),
  }),
  dispatchSecret: env.DISPATCH_SECRET,
  waitUntil: (work) => EdgeRuntime.waitUntil(work),
});

Deno.serve(app.fetch);
