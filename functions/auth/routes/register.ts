import { registerReply, registerRequest } from "../../../shared/contract/auth.ts";
import type { AppEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { toUserReply } from "../to-user-reply.ts";

const route = createRoute({
  method: "post",
  path: "/register",
  request: { body: jsonBody(registerRequest) },
  responses: { 200: jsonReply(registerReply, "The new account"), ...refusals },
});

/** Makes an account. */
export const registerRoute = ({ auth }: Deps) =>
  createRouter<AppEnv>().openapi(route, async (c) => {
    const { role, ...login } = c.req.valid("json");
    return c.json(toUserReply(await auth.signUp(login, { role })), 200);
  });
