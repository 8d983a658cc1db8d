import { createLocalJWKSet, createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { type Supabase, serveSupabase } from "../serve-supabase.ts";

const PASSWORD = "correct horse";
const sessionBody = z.object({
  access_token: z.string(),
  token_type: z.literal("bearer"),
  expires_in: z.literal(3600),
  expires_at: z.number(),
  refresh_token: z.string(),
  user: z.object({ id: z.uuid(), email: z.string(), user_metadata: z.record(z.string(), z.unknown()) }),
});

let supabase: Supabase;
beforeAll(async () => {
  supabase = await serveSupabase();
});
afterAll(() => supabase.close());

const post = (path: string, body: unknown, token?: string) =>
  supabase.call("POST", `/auth/v1/${path}`, {
    body,
    headers: { "x-supabase-api-version": "2024-01-01" },
    ...(token ? { token } : {}),
  });
const signUp = async (email: string, data = {}) =>
  sessionBody.parse((await post("signup", { email, password: PASSWORD, data })).body);
const signIn = async (email: string) =>
  sessionBody.parse((await post("token?grant_type=password", { email, password: PASSWORD })).body);
const refresh = (refresh_token: string) => post("token?grant_type=refresh_token", { refresh_token });
const whoIs = (token: string) => supabase.call("GET", "/auth/v1/user", { token });

describe("signing up", () => {
  test("opens a session at once, with the user's own data", async () => {
    const { user, access_token } = await signUp("Ada@Example.com", { name: "Ada" });
    expect(user.email).toBe("ada@example.com");
    expect(user.user_metadata).toMatchObject({ name: "Ada", email_verified: true, sub: user.id });
    expect((await whoIs(access_token)).body).toMatchObject({
      id: user.id,
      aud: "authenticated",
      role: "authenticated",
    });
  });

  test("stores the password as a bcrypt hash and nothing else", async () => {
    const { user } = await signUp("hash@example.com");
    const [row] = await supabase.database.sql<{ encrypted_password: string; whole: string }>(
      "select encrypted_password, users::text as whole from auth.users where id = $1",
      [user.id],
    );
    expect(row?.encrypted_password).toMatch(/^\$2a\$10\$.{53}$/);
    expect(row?.whole).not.toContain(PASSWORD);
  });

  test("runs as Supabase Auth's own role, so that triggers meet its rights", async () => {
    await supabase.database.sql(`create function public.note_role() returns trigger language plpgsql as
      $$ begin new.raw_user_meta_data := jsonb_build_object('inserted_by', current_user); return new; end $$`);
    await supabase.database.sql(`create trigger note_role before insert on auth.users for each row
      when (new.email = 'role@example.com') execute function public.note_role()`);
    const { user } = await signUp("role@example.com");
    expect(user.user_metadata).toEqual({ inserted_by: "supabase_auth_admin" });
  });

  test("with a taken address, a weak or endless password or no address is refused by name", async () => {
    await signUp("taken@example.com");
    const refusal = async (body: object) => (await post("signup", body)).body;
    expect(await refusal({ email: "TAKEN@example.com", password: PASSWORD })).toMatchObject({
      code: "user_already_exists",
    });
    expect(await refusal({ email: "weak@example.com", password: "12345" })).toMatchObject({
      code: "weak_password",
      weak_password: { reasons: ["length"] },
    });
    expect(await refusal({ email: "long@example.com", password: "x".repeat(73) })).toMatchObject({
      code: "validation_failed",
    });
    expect(await refusal({ email: "nonsense", password: PASSWORD })).toMatchObject({ code: "validation_failed" });
    expect(await refusal({})).toMatchObject({ code: "anonymous_provider_disabled" });
  });
});

describe("signing in", () => {
  test("needs the right password of a known user, and does not say which is wrong", async () => {
    await signUp("in@example.com");
    expect((await signIn("IN@example.com")).user.email).toBe("in@example.com");
    const wrong = await post("token?grant_type=password", { email: "in@example.com", password: "wrong horse" });
    const unknown = await post("token?grant_type=password", { email: "no@example.com", password: PASSWORD });
    expect([wrong.status, wrong.body]).toEqual([
      400,
      { code: "invalid_credentials", message: "Invalid login credentials" },
    ]);
    expect([unknown.status, unknown.body]).toEqual([wrong.status, wrong.body]);
  });

  test("gives a token that carries who signed in and how", async () => {
    const { access_token, user, expires_at } = await signUp("claims@example.com");
    const { payload } = await jwtVerify(access_token, createLocalJWKSet(supabase.keys.jwks));
    expect(payload).toMatchObject({
      iss: `${supabase.url}/auth/v1`,
      sub: user.id,
      aud: "authenticated",
      exp: expires_at,
      email: "claims@example.com",
      role: "authenticated",
      aal: "aal1",
      amr: [{ method: "password" }],
      app_metadata: { provider: "email", providers: ["email"] },
      is_anonymous: false,
    });
  });

  test("gives a token that anyone can verify by the published keys", async () => {
    const { access_token } = await signUp("jwks@example.com");
    const keys = createRemoteJWKSet(new URL(`${supabase.url}/auth/v1/.well-known/jwks.json`));
    const { protectedHeader } = await jwtVerify(access_token, keys);
    expect(protectedHeader).toMatchObject({ alg: "ES256", typ: "JWT" });
  });

  test("errors have the older body for clients that name no API version", async () => {
    const reply = await supabase.call("POST", "/auth/v1/token?grant_type=password", {
      body: { email: "no@example.com", password: PASSWORD },
    });
    expect(reply.body).toEqual({ code: 400, error_code: "invalid_credentials", msg: "Invalid login credentials" });
    expect(reply.headers.get("x-sb-error-code")).toBe("invalid_credentials");
  });

  test("by a grant that does not exist, or in no JSON, is refused", async () => {
    expect((await post("token?grant_type=wish", {})).status).toBe(400);
    expect((await post("token?grant_type=password", "{")).body).toMatchObject({ code: "bad_json" });
  });
});

describe("a refresh token", () => {
  test("is traded for the next one, in the same session", async () => {
    const first = await signUp("trade@example.com");
    const second = sessionBody.parse((await refresh(first.refresh_token)).body);
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(decodeJwt(second.access_token).session_id).toBe(decodeJwt(first.access_token).session_id);
    expect((await refresh(second.refresh_token)).status).toBe(200);
  });

  test("used again within seconds gives the session's current token", async () => {
    const first = await signUp("again@example.com");
    const second = sessionBody.parse((await refresh(first.refresh_token)).body);
    const again = sessionBody.parse((await refresh(first.refresh_token)).body);
    expect(again.refresh_token).toBe(second.refresh_token);
  });

  test("used twice at once gives both callers the same next one", async () => {
    const first = await signUp("twice@example.com");
    const holder = await supabase.database.connect(supabase.database.adminUrl);
    await holder.query("begin");
    await holder.query("select from auth.sessions where id = $1 for update", [
      decodeJwt(first.access_token).session_id,
    ]);
    const replies = [refresh(first.refresh_token), refresh(first.refresh_token)];
    const waiting = `select from pg_stat_activity
      where datname = current_database() and application_name = 'gotrue' and wait_event_type = 'Lock'`;
    await expect.poll(async () => (await supabase.database.sql(waiting)).length).toBe(2);
    await holder.query("commit");
    const [one, other] = (await Promise.all(replies)).map(({ body }) => sessionBody.parse(body).refresh_token);
    expect(one).toBe(other);
    expect(one).not.toBe(first.refresh_token);
  });

  test("used again much later was stolen, and ends every token of its session", async () => {
    const first = await signUp("stolen@example.com");
    const second = sessionBody.parse((await refresh(first.refresh_token)).body);
    await supabase.database.sql(
      "update auth.refresh_tokens set updated_at = now() - interval '11 seconds' where token = $1",
      [first.refresh_token],
    );
    const thief = await refresh(first.refresh_token);
    expect([thief.status, thief.body]).toMatchObject([400, { code: "refresh_token_already_used" }]);
    expect((await refresh(second.refresh_token)).status).toBe(400);
  });

  test("that was never issued is refused", async () => {
    expect((await refresh("nonsense")).body).toMatchObject({ code: "refresh_token_not_found" });
    expect((await refresh("")).body).toMatchObject({ code: "refresh_token_not_found" });
  });
});

describe("a signed-in user", () => {
  test("may change his own data and password", async () => {
    const { access_token } = await signUp("change@example.com", { old: 1 });
    const put = (body: object) => supabase.call("PUT", "/auth/v1/user", { body, token: access_token });
    expect((await put({ data: { old: null, new: { deep: null } } })).body).toMatchObject({
      user_metadata: { new: { deep: null } },
    });
    expect((await whoIs(access_token)).body).not.toHaveProperty("user_metadata.old");
    expect((await put({ password: PASSWORD })).status).toBe(422);
    expect((await put({ password: "battery staple" })).status).toBe(200);
    const old = await post("token?grant_type=password", { email: "change@example.com", password: PASSWORD });
    expect(old.body).toMatchObject({ code: "invalid_credentials" });
  });

  test.each([
    ["global", 403, 403],
    ["local", 403, 200],
    ["others", 200, 403],
  ])("who logs out with scope %s is answered %i here and %i elsewhere", async (scope, here, elsewhere) => {
    const other = await signUp(`${scope}@example.com`);
    const own = await signIn(`${scope}@example.com`);
    expect((await post(`logout?scope=${scope}`, undefined, own.access_token)).status).toBe(204);
    expect((await whoIs(own.access_token)).status).toBe(here);
    expect((await whoIs(other.access_token)).status).toBe(elsewhere);
    expect((await refresh(own.refresh_token)).status).toBe(here === 200 ? 200 : 400);
  });

  test("is nobody without a token of an open session", async () => {
    const nothing = await supabase.call("GET", "/auth/v1/user");
    expect([nothing.status, nothing.body]).toMatchObject([401, { error_code: "no_authorization" }]);
    expect((await whoIs(supabase.keys.anonKey)).body).toMatchObject({ error_code: "bad_jwt" });
    expect((await whoIs("a.b.c")).body).toMatchObject({ error_code: "bad_jwt" });
    const stranger = await whoIs(await supabase.userToken("00000000-0000-0000-0000-00000000dead"));
    expect(stranger.body).toMatchObject({ error_code: "user_not_found" });
  });
});

test("nothing but the keys is served without an API key", async () => {
  expect((await fetch(`${supabase.url}/auth/v1/.well-known/jwks.json`)).status).toBe(200);
  expect((await fetch(`${supabase.url}/auth/v1/user`)).status).toBe(401);
  expect((await fetch(`${supabase.url}/auth/v1/user`, { headers: { apikey: "wrong" } })).status).toBe(401);
});
