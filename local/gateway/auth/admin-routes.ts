import { randomUUID } from "node:crypto";
import { Hono } from "hono";
import { z } from "zod";
import { AuthError } from "./auth-error.ts";
import type { AuthDeps } from "./auth-handler.ts";
import { requireAdmin } from "./authenticate.ts";
import { readBody, validEmail, validPassword } from "./read-body.ts";
import { toUserBody, type User } from "./user.ts";

const MAX_PER_PAGE = 1000;

const metadata = z.record(z.string(), z.unknown()).nullish();
const fields = z.object({
  email: z.string().nullish(),
  password: z.string().nullish(),
  email_confirm: z.boolean().nullish(),
  role: z.string().nullish(),
  app_metadata: metadata,
  user_metadata: metadata,
  ban_duration: z
    .string()
    .regex(/^(none|(\d+(\.\d+)?[hms])+)$/, "must be none or a duration such as 24h")
    .nullish(),
});
const newUser = fields.extend({
  id: z.guid().nullish(),
  password_hash: z
    .string()
    .regex(/^\$2[aby]\$/)
    .nullish(),
});
const paging = z.object({
  page: z.coerce.number().int().min(1).catch(1),
  per_page: z.coerce.number().int().min(1).max(MAX_PER_PAGE).catch(50),
});

/** Accounts as the holder of the service key manages them. */
export function adminRoutes({ users, verify }: AuthDeps) {
  return new Hono()
    .use("/admin/*", async (c, next) => {
      await requireAdmin(c.req.raw.headers, verify);
      await next();
    })
    .post("/admin/users", async (c) => {
      const wanted = await readBody(c.req.raw, newUser);
      if (!wanted.email) throw new AuthError(400, "validation_failed", "Cannot create a user without an email");
      const user = await users.create({
        id: wanted.id ?? randomUUID(),
        email: validEmail(wanted.email),
        password: wanted.password ? validPassword(wanted.password) : null,
        passwordHash: wanted.password_hash ?? null,
        isConfirmed: wanted.email_confirm === true,
        role: wanted.role || "authenticated",
        appMetadata: { provider: "email", providers: ["email"], ...wanted.app_metadata },
        userMetadata: { ...wanted.user_metadata },
        banDuration: wanted.ban_duration ?? null,
      });
      if (user !== undefined) return c.json(toUserBody(user));
      throw new AuthError(422, "email_exists", "A user with this email address has already been registered");
    })
    .get("/admin/users", async (c) => {
      const { page, per_page } = paging.parse(c.req.query());
      const { users: found, total } = await users.list(page, per_page);
      c.header("x-total-count", String(total));
      return c.json({ users: found.map(toUserBody), aud: "authenticated" });
    })
    .get("/admin/users/:id", async (c) => c.json(toUserBody(existing(await users.find(userId(c.req.param("id")))))))
    .put("/admin/users/:id", async (c) => {
      const wanted = await readBody(c.req.raw, fields);
      const user = await users.change(userId(c.req.param("id")), {
        email: wanted.email ? validEmail(wanted.email) : null,
        password: wanted.password ? validPassword(wanted.password) : null,
        confirm: wanted.email_confirm ?? null,
        role: wanted.role || null,
        appMetadata: wanted.app_metadata ?? null,
        userMetadata: wanted.user_metadata ?? null,
        banDuration: wanted.ban_duration ?? null,
      });
      return c.json(toUserBody(existing(user)));
    })
    .delete("/admin/users/:id", async (c) => {
      existing(await users.remove(userId(c.req.param("id"))));
      return c.json({});
    });
}

function userId(text: string): string {
  const id = z.guid().safeParse(text);
  if (id.success) return id.data;
  throw new AuthError(404, "validation_failed", "user_id must be an UUID");
}

function existing(user: User | undefined): User {
  if (user !== undefined) return user;
  throw new AuthError(404, "user_not_found", "User not found");
}
