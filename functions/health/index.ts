import { z } from "zod";
import { connectDb } from "../../shared/db/connect-db.ts";
import { createApp } from "./app.ts";

const env = z.object({ SUPABASE_URL: z.url(), SUPABASE_SERVICE_ROLE_KEY: z.string() }).parse(Deno.env.toObject());

const app = createApp({ db: connectDb({ url: env.SUPABASE_URL, key: env.SUPABASE_SERVICE_ROLE_KEY }) });

Deno.serve(app.fetch);
