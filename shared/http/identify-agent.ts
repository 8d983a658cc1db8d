import { createMiddleware } from "hono/factory";
import { hashToken } from "../hash-token.ts";
import type { AgentEnv } from "./app-env.ts";
import { readBearerToken } from "./bearer-token.ts";

/** A fleet says the same tokens again and again, and in Deno a hash costs more than most of a request. */
const KEPT_HASHES = 10_000;
/** Nobody fills memory with tokens that are none. */
const KEPT_LENGTH = 128;

/** Leaves the hash of the agent's or swarm's token in `c.var.tokenHash`; whether it is worth anything, SQL knows. */
export const identifyAgent = (anonKey: string) => {
  const hashOf = rememberHashes();
  return createMiddleware<AgentEnv>(async (c, next) => {
    const token = readBearerToken(c.req.header("authorization"), anonKey);
    c.set("tokenHash", token === undefined ? null : await hashOf(token));
    await next();
  });
};

function rememberHashes(): (token: string) => string | Promise<string> {
  const hashes = new Map<string, string>();
  return (token) => hashes.get(token) ?? hashAndKeep(token);

  async function hashAndKeep(token: string): Promise<string> {
    const hash = await hashToken(token);
    if (token.length > KEPT_LENGTH) return hash;
    hashes.set(token, hash);
    const [oldest] = hashes.keys();
    if (hashes.size > KEPT_HASHES && oldest !== undefined) hashes.delete(oldest);
    return hash;
  }
}
