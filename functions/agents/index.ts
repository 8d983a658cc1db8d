import { z } from "zod";
import { connectDb } from "../../shared/db/connect-db.ts";
import { createCallerReader } from "../../shared/http/caller.ts";
import { createApp } from "./app.ts";

const env = z
  .object({ SUPABASE_URL: z.url(), SUPABASE_ANON_KEY: z.string(), SUPABASE_SERVICE_ROLE_KEY: z.string() })
  .parse(Deno.env.toObject());

const app = createApp({
  db: connectDb({ url: env.SUPABASE_URL, key: env.SUPABASE_SERVICE_ROLE_KEY }),
  readCaller: createCallerReader({
    supabaseUrl: env.SUPABASE_URL,
    anonKey: env.SUPABASE_ANON_KEY,
    serviceRoleKey: env.SUPABASE_SERVICE_ROLE_KEY,
  }),
  functionsUrl: `${env.SUPABASE_URL}/functions/v1`,
});

Deno.serve(app.fetch);
