import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type Supabase, serveSupabase } from "../serve-supabase.ts";

const userBody = z.object({ id: z.uuid() });

let supabase: Supabase;
beforeAll(async () => {
  supabase = await serveSupabase();
});
afterAll(() => supabase.close());

const admin = (method: string, path: string, body?: unknown, token = supabase.keys.serviceRoleKey) =>
  supabase.call(method, `/auth/v1/admin/${path}`, { body, token });
const create = async (user: object) => userBody.parse((await admin("POST", "users", user)).body).id;
const signIn = async (email: string, password: string) =>
  supabase.call("POST", "/auth/v1/token?grant_type=password", { body: { email, password } });

test("the service key makes users with metadata that they cannot change themselves", async () => {
  const reply = await admin("POST", "users", {
    email: "Boss@example.com",
    password: "secret password",
    email_confirm: true,
    app_metadata: { corral_role: "admin" },
    user_metadata: { name: "Boss" },
  });
  expect(reply.status).toBe(200);
  expect(reply.body).toMatchObject({
    email: "boss@example.com",
    role: "authenticated",
    app_metadata: { provider: "email", providers: ["email"], corral_role: "admin" },
    user_metadata: { name: "Boss" },
    identities: [{ provider: "email" }],
  });
  expect(reply.body).not.toHaveProperty("encrypted_password");
  const session = await signIn("boss@example.com", "secret password");
  const { access_token } = z.object({ access_token: z.string() }).parse(session.body);
  const attempt = await supabase.call("PUT", "/auth/v1/user", {
    body: { app_metadata: { corral_role: "emperor" } },
    token: access_token,
  });
  expect(attempt.body).toMatchObject({ app_metadata: { corral_role: "admin" } });
});

test("nobody else may, whatever key or token they hold", async () => {
  const user = { email: "no@example.com", password: "secret password" };
  for (const token of [supabase.keys.anonKey, await supabase.userToken("00000000-0000-0000-0000-00000000a11c")]) {
    const reply = await admin("POST", "users", user, token);
    expect([reply.status, reply.body]).toMatchObject([403, { error_code: "not_admin" }]);
  }
});

test("an address is given once, and an id may be chosen", async () => {
  const id = "00000000-0000-4000-8000-000000000001";
  expect(await create({ email: "one@example.com", id })).toBe(id);
  const again = await admin("POST", "users", { email: "ONE@example.com" });
  expect([again.status, again.body]).toMatchObject([422, { error_code: "email_exists" }]);
});

test("a user whose address is not confirmed cannot sign in until it is", async () => {
  const id = await create({ email: "later@example.com", password: "secret password" });
  expect((await signIn("later@example.com", "secret password")).body).toMatchObject({
    error_code: "email_not_confirmed",
  });
  await admin("PUT", `users/${id}`, { email_confirm: true });
  expect((await signIn("later@example.com", "secret password")).status).toBe(200);
});

test("a banned user cannot sign in until the ban is lifted", async () => {
  const id = await create({
    email: "banned@example.com",
    password: "secret password",
    email_confirm: true,
    ban_duration: "1h30m",
  });
  expect((await signIn("banned@example.com", "secret password")).body).toMatchObject({ error_code: "user_banned" });
  await admin("PUT", `users/${id}`, { ban_duration: "none" });
  expect((await signIn("banned@example.com", "secret password")).status).toBe(200);
});

test.each(["$2a$", "$2b$", "$2y$"])("a password hash marked %s is taken over", async (mark) => {
  const hash = "$2b$04$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie".replace("$2b$", mark);
  const email = `hash-${mark.replaceAll("$", "")}@example.com`;
  await create({ email, email_confirm: true, password_hash: hash });
  expect((await signIn(email, "correctbatteryhorsestapler")).status).toBe(200);
  expect((await signIn(email, "correctbatteryhorsestaplex")).status).toBe(400);
});

test("a user without a password cannot sign in with any", async () => {
  await create({ email: "none@example.com", email_confirm: true });
  expect((await signIn("none@example.com", "")).status).toBe(400);
});

test("users can be listed, read, changed and removed", async () => {
  const id = await create({ email: "gone@example.com", app_metadata: { team: "a", old: 1 } });
  const list = await admin("GET", "users?page=1&per_page=1");
  expect(list.body).toMatchObject({ users: [{ id }], aud: "authenticated" });
  expect(Number(list.headers.get("x-total-count"))).toBeGreaterThan(1);
  const changed = await admin("PUT", `users/${id}`, {
    email: "New@example.com",
    app_metadata: { team: "b", old: null },
  });
  expect(changed.body).toMatchObject({ email: "new@example.com", app_metadata: { provider: "email", team: "b" } });
  expect(changed.body).not.toHaveProperty("app_metadata.old");
  expect((await admin("DELETE", `users/${id}`)).status).toBe(200);
  const gone = await admin("GET", `users/${id}`);
  expect([gone.status, gone.body]).toMatchObject([404, { error_code: "user_not_found" }]);
  expect((await admin("GET", "users/nonsense")).status).toBe(404);
});
