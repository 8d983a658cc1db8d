import { Hono } from "hono";
import { z } from "zod";
import { AuthError } from "./auth-error.ts";
import type { AuthDeps } from "./auth-handler.ts";
import { requireUser } from "./authenticate.ts";
import { readBody, validEmail, validPassword } from "./read-body.ts";
import { logoutScope } from "./session-store.ts";
import { toUserBody } from "./user.ts";

const change = z.object({
  email: z.string().nullish(),
  password: z.string().nullish(),
  data: z.record(z.string(), z.unknown()).nullish(),
});

/** What a user who is signed in may do with his own account. */
export function userRoutes({ users, sessions, verify }: AuthDeps) {
  const signedIn = (request: Request) => requireUser(request.headers, verify, users, sessions);

  return new Hono()
    .get("/user", async (c) => c.json(toUserBody((await signedIn(c.req.raw)).user)))
    .put("/user", async (c) => {
      const { user } = await signedIn(c.req.raw);
      const { email, password, data } = await readBody(c.req.raw, change);
      if (password && user.email && (await users.findByPassword(user.email, password))) {
        throw new AuthError(422, "same_password", "New password should be different from the old password.");
      }
      const changed = await users.change(user.id, {
        email: email ? validEmail(email) : null,
        password: password ? validPassword(password) : null,
        confirm: null,
        role: null,
        appMetadata: null,
        userMetadata: data ?? null,
        banDuration: null,
      });
      return c.json(toUserBody(changed ?? user));
    })
    .post("/logout", async (c) => {
      const { user, sessionId } = await signedIn(c.req.raw);
      const scope = logoutScope.safeParse(c.req.query("scope") ?? "global");
      if (!scope.success) throw new AuthError(400, "validation_failed", "Unsupported logout scope");
      await sessions.close(user.id, sessionId, scope.data);
      return c.body(null, 204);
    });
}
