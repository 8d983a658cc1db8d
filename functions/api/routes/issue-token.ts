import { issueTokenReply, issueTokenRequest } from "../../../shared/contract/data-auth.ts";
import { notePublicCall } from "../../../shared/db/calls.ts";
import type { DataEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";

const route = createRoute({
  method: "post",
  path: "/auth/token",
  operationId: "issueToken",
  summary: "Sign in by OAuth2's password form; the username is the address",
  request: {
    body: { content: { "application/x-www-form-urlencoded": { schema: issueTokenRequest } }, required: true },
  },
  responses: { 200: jsonReply(issueTokenReply, "What later calls send as their bearer token"), ...refusals },
});

/** Gives an account's holder a token; who tried is on record, whether it went well or not. */
export const issueTokenRoute = ({ db, auth }: Deps) =>
  createRouter<DataEnv>().openapi(route, async (c) => {
    const { username, password } = c.req.valid("form");
    const email = username.trim();
    const { access_token, expires_in, user } = await auth.signIn({ email, password }).catch(async (error: unknown) => {
      await notePublicCall(db, c.var.call.id, { email });
      throw error;
    });
    await notePublicCall(db, c.var.call.id, { email, user_id: user.id });
    c.header("cache-control", "no-store");
    return c.json({ access_token, token_type: "bearer", expires_in } as const, 200);
  });
