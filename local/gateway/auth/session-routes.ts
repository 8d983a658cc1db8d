import { randomUUID } from "node:crypto";
import { Hono } from "hono";
import { z } from "zod";
import { AuthError } from "./auth-error.ts";
import type { AuthDeps } from "./auth-handler.ts";
import { readBody, validEmail, validPassword } from "./read-body.ts";
import { toSessionBody } from "./session-body.ts";
import { isBanned, type User } from "./user.ts";

const EMAIL_PROVIDER = { provider: "email", providers: ["email"] };

const signUp = z.object({
  email: z.string().default(""),
  password: z.string().default(""),
  data: z.record(z.string(), z.unknown()).nullish(),
});
const passwordGrant = z.object({ email: z.string().default(""), password: z.string().default("") });
const refreshGrant = z.object({ refresh_token: z.string().default("") });

/** Signing up and in; new addresses count as confirmed, since nothing here sends mail. */
export function sessionRoutes({ users, sessions, keys, issuerUrl }: AuthDeps) {
  const signIn = async (user: User) => {
    const session = await sessions.open(user.id);
    const seen = await users.find(user.id);
    return toSessionBody(session, seen ?? user, keys, issuerUrl);
  };

  const withPassword = async (request: Request) => {
    const { email, password } = await readBody(request, passwordGrant);
    const user = await users.findByPassword(email.toLowerCase(), password);
    if (user === undefined) throw new AuthError(400, "invalid_credentials", "Invalid login credentials");
    if (isBanned(user)) throw new AuthError(400, "user_banned", "User is banned");
    if (user.email_confirmed_at === null) throw new AuthError(400, "email_not_confirmed", "Email not confirmed");
    return signIn(user);
  };

  const withRefreshToken = async (request: Request) => {
    const { refresh_token } = await readBody(request, refreshGrant);
    const rotation = await sessions.rotate(refresh_token);
    if (rotation.outcome === "already_used") {
      throw new AuthError(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used");
    }
    const user = rotation.outcome === "rotated" ? await users.find(rotation.session.userId) : undefined;
    if (rotation.outcome === "not_found" || user === undefined) {
      throw new AuthError(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found");
    }
    if (isBanned(user)) throw new AuthError(400, "user_banned", "Invalid Refresh Token: User Banned");
    return toSessionBody(rotation.session, user, keys, issuerUrl);
  };

  return new Hono()
    .post("/signup", async (c) => {
      const { email, password, data } = await readBody(c.req.raw, signUp);
      if (email === "") throw new AuthError(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled");
      if (password === "") throw new AuthError(400, "validation_failed", "Signup requires a valid password");
      const id = randomUUID();
      const address = validEmail(email);
      const user = await users.create({
        id,
        email: address,
        password: validPassword(password),
        passwordHash: null,
        isConfirmed: true,
        role: "authenticated",
        appMetadata: EMAIL_PROVIDER,
        userMetadata: { ...data, email: address, email_verified: true, phone_verified: false, sub: id },
        banDuration: null,
      });
      if (user === undefined) throw new AuthError(422, "user_already_exists", "User already registered");
      return c.json(await signIn(user));
    })
    .post("/token", async (c) => {
      switch (c.req.query("grant_type")) {
        case "password":
          return c.json(await withPassword(c.req.raw));
        case "refresh_token":
          return c.json(await withRefreshToken(c.req.raw));
        default:
          throw new AuthError(400, "validation_failed", "unsupported_grant_type");
      }
    });
}
