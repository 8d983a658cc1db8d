import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startGateway } from "../../../local/gateway/start-gateway.ts";
import { cloneDatabase, type TestDatabase } from "../../setup/database.ts";
import { type ServedFunctions, serveFunctions } from "./functions-project.ts";

const QUERY = `Deno.serve(async (request) => {
  const url = Deno.env.get("SUPABASE_URL") + "/auth/v1/.well-known/jwks.json";
  return new Response((await fetch(url)).body, { headers: { "content-type": "application/json" } });
});`;

let database: TestDatabase;
let served: ServedFunctions;
let origin: string;

beforeAll(async () => {
  database = await cloneDatabase();
  served = await serveFunctions({ query: QUERY }, { database });
  origin = new URL(served.url).origin;
});

afterAll(async () => {
  await served?.close();
  await database?.drop();
});

describe("the gateway", () => {
  test("serves functions, rest and auth on one port", async () => {
    const { anonKey, serviceRoleKey, jwks } = served.keys;
    const headers = {
      apikey: anonKey,
      authorization: `Bearer ${serviceRoleKey}`,
      "content-type": "application/json",
    };
    const jwksOf = async (path: string) => (await fetch(origin + path)).json();
    expect(await jwksOf("/auth/v1/.well-known/jwks.json")).toEqual(jwks);
    expect(await jwksOf("/functions/v1/query")).toEqual(jwks);
    const missing = await fetch(`${origin}/rest/v1/rpc/no_such_function`, { method: "POST", headers, body: "{}" });
    expect(missing.status).toBe(404);
    expect(await missing.json()).toMatchObject({ code: "PGRST202" });
  });

  test("answers 404 to paths that nothing serves", async () => {
    for (const path of ["/", "/rest", "/rest/v10/projects", "/storage/v1/bucket"]) {
      const response = await fetch(origin + path);
      expect({ path, status: response.status }).toEqual({ path, status: 404 });
      expect(await response.json()).toEqual({ message: "no Route matched with those values" });
    }
  });

  test("names a port that is taken", async () => {
    const port = Number(new URL(origin).port);
    const { url, adminUrl, authenticatorUrl } = database;
    const second = startGateway({
      port,
      postgresUrl: authenticatorUrl,
      adminUrl,
      databaseUrl: url,
      keys: served.keys,
      functionEnv: {},
      projectDir: served.projectDir,
      log: () => () => undefined,
    });
    await expect(second).rejects.toThrow(`Port ${port} for the gateway is in use`);
  });
});
