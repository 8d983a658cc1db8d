import { z } from "zod";
import { connectSupabaseAuth } from "../../shared/cloud/supabase-auth.ts";
import { createApp } from "./app.ts";

const env = z.object({ SUPABASE_URL: z.url(), SUPABASE_ANON_KEY: z.string() }).parse(Deno.env.toObject());

const app = createApp({ auth: connectSupabaseAuth({ url: env.SUPABASE_URL, anonKey: env.SUPABASE_ANON_KEY }) });

Deno.serve(app.fetch);
