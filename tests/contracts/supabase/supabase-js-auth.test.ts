import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Supabase, serveSupabase } from "../../local/gateway/serve-supabase.ts";
import { connectSupabase } from "./connect-supabase.ts";

const PASSWORD = "secret password";

let supabase: Supabase;
beforeAll(async () => {
  supabase = await serveSupabase();
});
afterAll(() => supabase.close());

const connect = (key = supabase.keys.anonKey) => connectSupabase(supabase.url, key);

describe("auth", () => {
  test("signs up, knows the user, and signs out", async () => {
    const client = connect();
    const { data, error } = await client.auth.signUp({
      email: "a@example.com",
      password: PASSWORD,
      options: { data: { name: "A" } },
    });
    expect(error).toBeNull();
    expect(data.session?.token_type).toBe("bearer");
    expect((await client.auth.getUser()).data.user).toMatchObject({
      email: "a@example.com",
      user_metadata: { name: "A" },
    });
    const token = data.session?.access_token;
    expect((await client.auth.signOut()).error).toBeNull();
    expect((await connect().auth.getUser(token)).error).toMatchObject({
      name: "AuthSessionMissingError",
    });
  });

  test("signs in, and refreshes its session", async () => {
    const client = connect();
    await connect().auth.signUp({ email: "b@example.com", password: PASSWORD });
    const signedIn = await client.auth.signInWithPassword({ email: "b@example.com", password: PASSWORD });
    expect(signedIn.error).toBeNull();
    const refreshed = await client.auth.refreshSession();
    expect(refreshed.error).toBeNull();
    expect(refreshed.data.session?.refresh_token).not.toBe(signedIn.data.session?.refresh_token);
    expect(refreshed.data.user?.id).toBe(signedIn.data.user?.id);
  });

  test("verifies the token's claims by the published keys", async () => {
    const client = connect();
    const { data } = await client.auth.signUp({ email: "c@example.com", password: PASSWORD });
    const { data: verified, error } = await client.auth.getClaims();
    expect(error).toBeNull();
    expect(verified?.claims).toMatchObject({ sub: data.user?.id, role: "authenticated" });
    expect(verified?.header.alg).toBe("ES256");
  });

  test("changes the user's data and password", async () => {
    const client = connect();
    await client.auth.signUp({ email: "d@example.com", password: PASSWORD });
    const { data, error } = await client.auth.updateUser({ password: "another password", data: { seat: 4 } });
    expect(error).toBeNull();
    expect(data.user?.user_metadata).toMatchObject({ seat: 4 });
    const again = await connect().auth.signInWithPassword({ email: "d@example.com", password: "another password" });
    expect(again.error).toBeNull();
  });

  test("gives errors their codes", async () => {
    const auth = connect().auth;
    await auth.signUp({ email: "e@example.com", password: PASSWORD });
    const code = async (attempt: Promise<{ error: { code?: string | undefined } | null }>) =>
      (await attempt).error?.code;
    expect(await code(auth.signUp({ email: "e@example.com", password: PASSWORD }))).toBe("user_already_exists");
    expect(await code(auth.signUp({ email: "f@example.com", password: "123" }))).toBe("weak_password");
    expect(await code(auth.signInWithPassword({ email: "e@example.com", password: "wrong one" }))).toBe(
      "invalid_credentials",
    );
    expect(await code(auth.refreshSession({ refresh_token: "nonsense" }))).toBe("refresh_token_not_found");
  });
});

describe("auth.admin", () => {
  test("creates, lists, changes and deletes users", async () => {
    const { admin } = connect(supabase.keys.serviceRoleKey).auth;
    const created = await admin.createUser({
      email: "boss@example.com",
      password: PASSWORD,
      email_confirm: true,
      app_metadata: { corral_role: "admin" },
    });
    expect(created.error).toBeNull();
    const id = created.data.user?.id ?? "";
    expect((await admin.getUserById(id)).data.user?.app_metadata).toMatchObject({ corral_role: "admin" });
    expect((await admin.listUsers({ page: 1, perPage: 100 })).data.users.map((user) => user.id)).toContain(id);
    expect((await admin.updateUserById(id, { user_metadata: { a: 1 } })).data.user?.user_metadata).toEqual({ a: 1 });
    const twice = await admin.createUser({ email: "boss@example.com", password: PASSWORD });
    expect(twice.error).toMatchObject({ code: "email_exists", status: 422 });
    expect((await admin.deleteUser(id)).error).toBeNull();
    expect((await admin.getUserById(id)).error).toMatchObject({ code: "user_not_found" });
  });

  test("refuses the anonymous key", async () => {
    const { error } = await connect().auth.admin.createUser({ email: "x@example.com", password: PASSWORD });
    expect(error).toMatchObject({ code: "not_admin", status: 403 });
  });
});
