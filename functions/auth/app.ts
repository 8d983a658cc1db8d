import type { SupabaseAuth } from "../../shared/cloud/supabase-auth.ts";
import type { AppEnv } from "../../shared/http/app-env.ts";
import { createRouter } from "../../shared/http/create-router.ts";
import { prepareApp, refuseOtherMethods } from "../../shared/http/prepare-app.ts";
import { loginRoute } from "./routes/login.ts";
import { registerRoute } from "./routes/register.ts";

export interface Deps {
  auth: SupabaseAuth;
}

/** Accounts for clients that do not speak to Supabase Auth themselves. */
export function createApp(deps: Deps) {
  const app = createRouter<AppEnv>();
  prepareApp(app);
  app.route("/auth", registerRoute(deps));
  app.route("/auth", loginRoute(deps));
  app.doc31("/auth/openapi.json", { openapi: "3.1.0", info: { title: "Corral accounts", version: "1" } });
  refuseOtherMethods(app);
  return app;
}
