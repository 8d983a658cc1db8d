import { idParams } from "../../../shared/contract/digits.ts";
import { doneReply } from "../../../shared/contract/tables.ts";
import { createTokenReply, createTokenRequest, listTokensReply } from "../../../shared/contract/tokens.ts";
import { createToken, listTokens, revokeToken } from "../../../shared/db/tokens.ts";
import { createAgentToken, createSwarmToken, hashToken } from "../../../shared/hash-token.ts";
import type { DataEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { toTokenOptions, toTokenReply } from "../to-token-reply.ts";

const createTokenRoute = createRoute({
  method: "post",
  path: "/admin/tokens",
  operationId: "createToken",
  summary: "Make a swarm's or an agent's token, which is shown this once",
  request: { body: jsonBody(createTokenRequest) },
  responses: { 200: jsonReply(createTokenReply, "The token; only its hash is kept"), ...refusals },
});

const listRoute = createRoute({
  method: "get",
  path: "/admin/tokens",
  operationId: "listTokens",
  summary: "List tokens, revoked ones included",
  responses: { 200: jsonReply(listTokensReply, "The newest thousand, newest first"), ...refusals },
});

const revokeRoute = createRoute({
  method: "delete",
  path: "/admin/tokens/{id}",
  operationId: "revokeToken",
  summary: "End a token at once",
  request: { params: idParams },
  responses: { 200: jsonReply(doneReply, "Nobody is admitted by it any more"), ...refusals },
});

/** Hand out the tokens of swarms and agents, and take them back. */
export const tokenRoutes = ({ db }: Deps) =>
  createRouter<DataEnv>()
    .openapi(createTokenRoute, async (c) => {
      const wishes = c.req.valid("json");
      const token = wishes.type === "swarm" ? createSwarmToken() : createAgentToken();
      const kept = { type: wishes.type, hash: await hashToken(token) };
      const row = await createToken(db, c.var.call.id, kept, toTokenOptions(wishes));
      c.header("cache-control", "no-store");
      return c.json({ ...toTokenReply(row), token }, 200);
    })
    .openapi(listRoute, async (c) => {
      const rows = await listTokens(db, c.var.call.id);
      c.set("rows", rows.length);
      const replies = rows.map((row) => {
        return { ...toTokenReply(row), revoked_at: row.revoked_at, last_used_at: row.last_used_at };
      });
      return c.json(replies, 200);
    })
    .openapi(revokeRoute, async (c) => {
      await revokeToken(db, c.var.call.id, c.req.valid("param").id);
      return c.json({ message: "Token revoked" }, 200);
    });
