import { createMiddleware } from "hono/factory";
import type { AgentEnv } from "./app-env.ts";
import { readBearerToken } from "./bearer-token.ts";
import { rememberHashes } from "./remember-hashes.ts";

/** Leaves the hash of the agent's or swarm's token in `c.var.tokenHash`; whether it is worth anything, SQL knows. */
export const identifyAgent = (anonKey: string) => {
  const hashOf = rememberHashes();
  return createMiddleware<AgentEnv>(async (c, next) => {
    const token = readBearerToken(c.req.header("authorization"), anonKey);
    c.set("tokenHash", token === undefined ? null : await hashOf(token));
    await next();
  });
};
