import { Hono } from "hono";
import { requireApiKey } from "../auth/require-api-key.ts";
import { openCors } from "../cors.ts";
import { openPool } from "../open-pool.ts";
import type { VerifyToken } from "../tokens.ts";
import { type Caller, identifyCaller } from "./caller.ts";
import { type Catalogue, CatalogueCache, EXPOSED_SCHEMA } from "./catalogue.ts";
import { type Plan, type RestRequest, requestSettings } from "./plan.ts";
import { planRpc } from "./plan-rpc.ts";
import { planTable } from "./plan-table.ts";
import { parsePreferences } from "./preferences.ts";
import { toErrorResponse } from "./reply.ts";
import { RestError } from "./rest-error.ts";
import { toRestError } from "./to-rest-error.ts";
import { runTransaction } from "./transaction.ts";

export interface RestHandler {
  fetch(request: Request): Promise<Response>;
  close(): Promise<void>;
}

export interface RestOptions {
  /** As role `authenticator`, which may act as the roles that tokens name. */
  postgresUrl: string;
  verify: VerifyToken;
}

type Planner = (request: RestRequest, catalogue: Catalogue, name: string) => Plan;

const MAX_CONNECTIONS = 20;
/** What was planned no longer fits the schema. */
const OUTDATED = new Set(["42P01", "42703", "42883", "42P13", "42804"]);

/** Serves `/rest/v1/`: PostgREST as far as the Supabase clients need it for functions and single tables. */
export function createRestHandler({ postgresUrl, verify }: RestOptions): RestHandler {
  const pool = openPool({
    connectionString: postgresUrl,
    max: MAX_CONNECTIONS,
    pipeline: true,
    application_name: "postgrest",
    options: `-c search_path=${EXPOSED_SCHEMA},extensions`,
  });
  const catalogue = new CatalogueCache(pool);

  const answer = async (raw: Request, name: string, planner: Planner): Promise<Response> => {
    let caller: Caller | undefined;
    try {
      const request = await readRequest(raw);
      caller = await identifyCaller(raw.headers, verify);
      const plan = await catalogue.plan((known) => planner(request, known, name));
      const settings = requestSettings(request, caller, await catalogue.read());
      return plan.reply(await runTransaction(pool, { ...plan, settings }));
    } catch (error) {
      const refusal = toRestError(error, caller?.isAnonymous ?? true);
      if (OUTDATED.has(refusal.body.code)) catalogue.forget();
      return toErrorResponse(refusal);
    }
  };

  const app = new Hono()
    .basePath("/rest/v1")
    .use(openCors)
    .use(requireApiKey(verify))
    .all("/rpc/:name", (c) => answer(c.req.raw, c.req.param("name"), planRpc))
    .all("/:name", (c) => answer(c.req.raw, c.req.param("name"), planTable));
  // What was not foreseen is the server's to log.
  app.onError((error) => {
    throw error;
  });
  app.notFound(() =>
    toErrorResponse(new RestError(404, { code: "PGRST125", message: "Invalid path specified in request URL" })),
  );

  return { fetch: async (request) => app.fetch(request), close: () => pool.end() };
}

async function readRequest(raw: Request): Promise<RestRequest> {
  const { method, headers } = raw;
  const reads = method === "GET" || method === "HEAD";
  const schema = headers.get(reads ? "accept-profile" : "content-profile") ?? EXPOSED_SCHEMA;
  if (schema !== EXPOSED_SCHEMA) {
    throw new RestError(406, {
      code: "PGRST106",
      message: `Invalid schema: ${schema}`,
      hint: `Only the following schemas are exposed: ${EXPOSED_SCHEMA}`,
    });
  }
  return {
    method,
    headers,
    url: new URL(raw.url),
    body: reads ? "" : await raw.text(),
    preferences: parsePreferences(headers),
  };
}
