import { Hono } from "hono";
import type { Keys } from "../../keys.ts";
import type { Log } from "../../log.ts";
import { openCors } from "../cors.ts";
import { openPool } from "../open-pool.ts";
import { createTokenVerifier, type VerifyToken } from "../tokens.ts";
import { adminRoutes } from "./admin-routes.ts";
import { AuthError, toErrorResponse } from "./auth-error.ts";
import { requireApiKey } from "./require-api-key.ts";
import { sessionRoutes } from "./session-routes.ts";
import { SessionStore } from "./session-store.ts";
import { userRoutes } from "./user-routes.ts";
import { UserStore } from "./user-store.ts";

export interface AuthHandler {
  fetch(request: Request): Promise<Response>;
  close(): Promise<void>;
}

export interface AuthOptions {
  /** With rights on schema `auth`. */
  postgresUrl: string;
  keys: Pick<Keys, "jwks" | "sign">;
  /** What access tokens name as their issuer: this API's own URL. */
  issuerUrl: string;
  /** Told of what should not happen; the caller only learns that it did. */
  log?: Log;
}

export interface AuthDeps {
  users: UserStore;
  sessions: SessionStore;
  verify: VerifyToken;
  keys: Pick<Keys, "sign">;
  issuerUrl: string;
}

const MAX_CONNECTIONS = 5;

/** Serves `/auth/v1/`: GoTrue as far as the Supabase clients need it for e-mail and password. */
export function createAuthHandler(options: AuthOptions): AuthHandler {
  const { postgresUrl, keys, issuerUrl, log = console.error } = options;
  const pool = openPool({
    connectionString: postgresUrl,
    max: MAX_CONNECTIONS,
    application_name: "gotrue",
    onConnect: async (client) => {
      await client.query(ACT_AS_AUTH_SQL);
    },
  });
  const verify = createTokenVerifier(keys.jwks);
  const deps: AuthDeps = { users: new UserStore(pool), sessions: new SessionStore(pool), verify, keys, issuerUrl };

  const app = new Hono()
    .basePath("/auth/v1")
    .use(openCors)
    .get("/.well-known/jwks.json", (c) => c.json(keys.jwks, 200, { "Cache-Control": "public, max-age=600" }))
    .use(requireApiKey(verify))
    .get("/health", (c) =>
      c.json({ name: "GoTrue", version: "local", description: "GoTrue is a user registration and authentication API" }),
    )
    .route("/", sessionRoutes(deps))
    .route("/", userRoutes(deps))
    .route("/", adminRoutes(deps));
  app.notFound((c) => toErrorResponse(new AuthError(404, "not_found", "404 page not found"), c.req.raw.headers));
  app.onError((error, c) => {
    if (!(error instanceof AuthError)) log(`${c.req.method} ${c.req.path}: ${error.stack}`);
    return toErrorResponse(error, c.req.raw.headers);
  });

  return { fetch: async (request) => app.fetch(request), close: () => pool.end() };
}

// Where it can, it acts as Supabase Auth's own role, so that triggers on auth.users meet the rights they have hosted.
const ACT_AS_AUTH_SQL = `
select set_config('role', rolname, false) from pg_roles
where rolname = 'supabase_auth_admin' and pg_has_role(oid, 'set') and has_schema_privilege(oid, 'extensions', 'usage')`;
