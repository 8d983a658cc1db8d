import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuthHandler } from "../../../local/gateway/auth/auth-handler.ts";
import { sendResponse, toRequest } from "../../../local/gateway/node-http.ts";
import { createRestHandler } from "../../../local/gateway/rest/rest-handler.ts";
import { createTokenVerifier } from "../../../local/gateway/tokens.ts";
import { type Keys, loadKeys } from "../../../local/keys.ts";
import { closeServer, LOOPBACK, listen } from "../../../local/listen.ts";
import { cloneDatabase, type TestDatabase } from "../../setup/database.ts";

export interface Supabase {
  url: string;
  keys: Keys;
  database: TestDatabase;
  /** Sends a request; without a token the caller is whoever holds the API key, which is the anonymous one. */
  call(method: string, path: string, options?: CallOptions): Promise<Reply>;
  /** A token of a user that exists nowhere but in it. */
  userToken(id: string): Promise<string>;
  close(): Promise<void>;
}

export interface CallOptions {
  body?: unknown;
  token?: string;
  headers?: Record<string, string>;
}

export interface Reply {
  status: number;
  headers: Headers;
  /** Parsed JSON; undefined when there is none. */
  body: unknown;
}

/** Serves REST and Auth on a database of their own, to which the given SQL was applied. */
export async function serveSupabase(sql = ""): Promise<Supabase> {
  const database = await cloneDatabase();
  if (sql !== "") await database.sql(sql);
  const folder = await mkdtemp(join(tmpdir(), "corral-gateway-"));
  const keys = await loadKeys(folder);
  const rest = createRestHandler({ postgresUrl: database.authenticatorUrl, verify: createTokenVerifier(keys.jwks) });
  const server = createServer();
  const url = `http://${LOOPBACK}:${await listen(server, "the gateway", 0)}`;
  const auth = createAuthHandler({ postgresUrl: database.adminUrl, keys, issuerUrl: `${url}/auth/v1` });
  server.on("request", async (incoming, outgoing) => {
    const handler = incoming.url?.startsWith("/auth/") ? auth : rest;
    await sendResponse(await handler.fetch(await toRequest(incoming, url)), outgoing);
  });

  return {
    url,
    keys,
    database,
    call: async (method, path, { body, token, headers } = {}) => {
      const response = await fetch(url + path, {
        method,
        headers: {
          apikey: keys.anonKey,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: text === "" ? undefined : JSON.parse(text) };
    },
    userToken: (id) => keys.sign({ sub: id, role: "authenticated", exp: Math.floor(Date.now() / 1000) + 60 }),
    close: async () => {
      await closeServer(server);
      await Promise.all([rest.close(), auth.close()]);
      await database.drop();
      await rm(folder, { recursive: true });
    },
  };
}
