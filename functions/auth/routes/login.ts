import { loginReply, loginRequest } from "../../../shared/contract/auth.ts";
import type { AppEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { toUserReply } from "../to-user-reply.ts";

const route = createRoute({
  method: "post",
  path: "/login",
  request: { body: jsonBody(loginRequest) },
  responses: { 200: jsonReply(loginReply, "The account, and the tokens of a new session"), ...refusals },
});

/** Opens a session. */
export const loginRoute = ({ auth }: Deps) =>
  createRouter<AppEnv>().openapi(route, async (c) => {
    const { email, password } = c.req.valid("json");
    const { user, access_token, refresh_token, expires_in } = await auth.signIn({ email: email.trim(), password });
    const tokens = { access_token, refresh_token, token_type: "bearer", expires_in } as const;
    return c.json({ ...toUserReply(user), ...tokens }, 200);
  });
