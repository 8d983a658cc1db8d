import { createMiddleware } from "hono/factory";
import { hashToken } from "../hash-token.ts";
import type { AgentEnv } from "./app-env.ts";
import { readBearerToken } from "./bearer-token.ts";

/** Leaves the hash of the agent's or swarm's token in `c.var.tokenHash`; whether it is worth anything, SQL knows. */
export const identifyAgent = (anonKey: string) =>
  createMiddleware<AgentEnv>(async (c, next) => {
    const token = readBearerToken(c.req.header("authorization"), anonKey);
    c.set("tokenHash", token === undefined ? null : await hashToken(token));
    await next();
  });
