import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createApp } from "../../functions/auth/app.ts";
import { closeServer, listen } from "../../local/listen.ts";
import { connectSupabaseAuth } from "../../shared/cloud/supabase-auth.ts";
import { firstOf } from "../db/scene.ts";
import { startFunctions } from "./start-functions.ts";

let functions: Awaited<ReturnType<typeof startFunctions>>;
beforeAll(async () => {
  functions = await startFunctions();
});
afterAll(() => functions.close());

const post = (path: string, body: unknown) => functions.call(`/auth/${path}`, { method: "POST", body });
const newLogin = () => ({ email: `${randomUUID()}@example.org`, password: "correct horse" });

describe("POST /auth/register", () => {
  test("makes an account, and answers with the seed's fields and nothing else", async () => {
    const login = newLogin();
    const { status, body } = await post("register", login);
    expect(status).toBe(200);
    expect(body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      email: login.email,
      role: "user",
      created_at: expect.stringMatching(/^\d{4}-/),
    });
    const user = firstOf(await functions.db.sql("select * from public.users where id = $1", [body.id]));
    expect(user).toMatchObject({ email: login.email });
  });

  test("takes the longest address that Supabase Auth can store", async () => {
    const email = `${randomUUID()}@example.org`.padStart(255, "a");
    expect(await post("register", { ...newLogin(), email })).toMatchObject({ status: 200, body: { email } });
  });

  test("keeps the role that is asked for as a word that grants nothing", async () => {
    const login = newLogin();
    const { body } = await post("register", { ...login, role: "admin" });
    expect(body).toMatchObject({ role: "admin" });
    const { body: session } = await post("login", login);
    expect(session).toMatchObject({ role: "admin" });
    const token = session.access_token;
    const refused = await functions.call("/agents/dataset/polling/stop", { method: "POST", token });
    expect(refused).toMatchObject({ status: 403, body: { code: "forbidden" } });
    const { app } = firstOf(
      await functions.db.sql("select raw_app_meta_data::text as app from auth.users where id = $1", [body.id]),
    );
    expect(app).not.toContain("admin");
  });

  test("reads no metadata out of the request", async () => {
    const login = newLogin();
    const smuggled = { app_metadata: { corral_role: "admin" }, data: { corral_role: "admin" }, id: randomUUID() };
    const { status, body } = await post("register", { ...login, ...smuggled });
    expect(status).toBe(200);
    const user = firstOf(await functions.db.sql("select * from auth.users where id = $1", [body.id]));
    expect(JSON.stringify(user)).not.toContain("corral_role");
  });

  test("answers 400 in the seed's words when the address is taken, however it is written", async () => {
    const login = newLogin();
    await post("register", login);
    const taken = { status: 400, body: { detail: "Email already registered", code: "email_taken" } };
    expect(await post("register", login)).toMatchObject(taken);
    const shouted = { email: ` ${login.email.toUpperCase()} `, password: "another horse" };
    expect(await post("register", shouted)).toMatchObject(taken);
  });

  test("answers 422 to a password that is too weak, in Supabase Auth's words", async () => {
    expect(await post("register", { ...newLogin(), password: "abc" })).toMatchObject({
      status: 422,
      body: { detail: "Password should be at least 6 characters.", code: "weak_password" },
    });
    expect(await post("register", { ...newLogin(), password: "x".repeat(73) })).toMatchObject({
      status: 422,
      body: { detail: "Password cannot be longer than 72 characters" },
    });
  });

  test.for<[string, object, object]>([
    ["no email", { email: undefined }, { loc: ["body", "email"], msg: "Field required" }],
    ["no address", { email: "ada" }, { loc: ["body", "email"], msg: "Input should be an email address" }],
    [
      "an address that is longer than Supabase Auth can store",
      { email: `${"a".repeat(250)}@b.org` },
      { loc: ["body", "email"], msg: "String should have at most 255 characters" },
    ],
    ["an address with a NUL", { email: "a\u0000@b.c" }, { loc: ["body", "email"] }],
    ["no password", { password: undefined }, { loc: ["body", "password"], msg: "Field required" }],
    ["a number as password", { password: 1234567 }, { loc: ["body", "password"], type: "string_type" }],
    ["a role that is no word", { role: {} }, { loc: ["body", "role"], type: "string_type" }],
  ])("answers 422 to %s", async ([, changes, fault]) => {
    const { status, body } = await post("register", { ...newLogin(), ...changes });
    expect(status).toBe(422);
    expect(body.detail).toContainEqual(expect.objectContaining(fault));
  });
});

describe("POST /auth/login", () => {
  test("answers with the seed's fields and a session that other functions take", async () => {
    const login = newLogin();
    const { body: user } = await post("register", { ...login, role: "researcher" });
    const { status, body } = await post("login", login);
    expect(status).toBe(200);
    expect(body).toEqual({
      ...user,
      access_token: expect.any(String),
      refresh_token: expect.any(String),
      token_type: "bearer",
      expires_in: 3600,
    });
    expect(await functions.call(`/jobs/list/${user.id}`, { token: body.access_token })).toMatchObject({
      status: 200,
      body: [],
    });
  });

  test("takes the address however it is written", async () => {
    const login = newLogin();
    await post("register", login);
    expect((await post("login", { ...login, email: ` ${login.email.toUpperCase()} ` })).status).toBe(200);
  });

  test("answers 401 in the seed's words to a wrong password and an unknown address alike", async () => {
    const login = newLogin();
    await post("register", login);
    const wrong = await post("login", { ...login, password: "wrong" });
    const unknown = await post("login", newLogin());
    for (const { status, body } of [wrong, unknown]) {
      expect(status).toBe(401);
      expect(body).toMatchObject({ detail: "Invalid email or password", code: "invalid_login" });
    }
  });

  test("tells whose account may not sign in why, once the password is right", async () => {
    const login = newLogin();
    const { body: user } = await post("register", login);
    await functions.db.sql("update auth.users set email_confirmed_at = null where id = $1", [user.id]);
    const refused = { status: 403, body: { detail: "Email not confirmed", code: "login_refused" } };
    expect(await post("login", login)).toMatchObject(refused);
    expect((await post("login", { ...login, password: "wrong" })).status).toBe(401);
  });

  test("answers 422 without a password", async () => {
    const { status, body } = await post("login", { email: "ada@example.org" });
    expect(status).toBe(422);
    expect(body.detail).toEqual([{ loc: ["body", "password"], msg: "Field required", type: "missing" }]);
  });
});

describe("when Supabase Auth answers otherwise", () => {
  const logged = vi.spyOn(console, "error");
  beforeEach(() => void logged.mockReset().mockReturnValue(undefined));
  afterAll(() => logged.mockRestore());
  const LOGIN = { email: "ada@example.org", password: "correct horse" };

  /** Calls the function with a Supabase Auth that gives one answer. */
  async function callWith(status: number, reply: unknown, path = "login") {
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(status, { "content-type": "application/json" });
      response.end(typeof reply === "string" ? reply : JSON.stringify(reply));
    });
    const url = `http://127.0.0.1:${await listen(server, "Supabase Auth", 0)}`;
    const app = createApp({ auth: connectSupabaseAuth({ url, anonKey: "anon" }) });
    try {
      const answer = await app.request(`/auth/${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(LOGIN),
      });
      return { status: answer.status, headers: answer.headers, body: await answer.json() };
    } finally {
      await closeServer(server);
    }
  }

  test("its limits become 503 with the time to wait", async () => {
    const limited = await callWith(429, { code: "over_request_rate_limit", message: "Request rate limit reached" });
    expect(limited).toMatchObject({ status: 503, body: { code: "auth_rate_limited" } });
    expect(limited.headers.get("retry-after")).toBe("60");
  });

  test.for([
    [500, { code: "unexpected_failure", message: "the password is hunter2" }],
    [502, "<html>bad gateway</html>"],
    [400, "<html>bad request</html>"],
  ] as const)("its failures become 503, told to the log alone: %i %j", async ([status, reply]) => {
    const failed = await callWith(status, reply);
    expect(failed).toMatchObject({
      status: 503,
      body: { code: "auth_unavailable", detail: "Supabase Auth does not answer" },
    });
    const cause = { message: expect.stringContaining(`answered ${status}`) };
    expect(logged.mock.lastCall?.[1]).toMatchObject({ cause });
  });

  test("its silence becomes 503", async () => {
    const app = createApp({ auth: connectSupabaseAuth({ url: "http://127.0.0.1:1", anonKey: "anon" }) });
    const body = JSON.stringify(LOGIN);
    const headers = { "content-type": "application/json" };
    const reply = await app.request("/auth/login", { method: "POST", headers, body });
    expect(reply.status).toBe(503);
  });

  test("a made-up user, where addresses have to be confirmed, is one that was there", async () => {
    const user = { id: randomUUID(), email: LOGIN.email, created_at: "2026-11-21T00:00:00Z", user_metadata: {} };
    expect(await callWith(200, { ...user, identities: [] }, "register")).toMatchObject({
      status: 400,
      body: { detail: "Email already registered" },
    });
    expect(await callWith(200, { ...user, identities: [{ provider: "email" }] }, "register")).toMatchObject({
      status: 200,
      body: { id: user.id, role: "user" },
    });
  });

  test.for([
    ["signup_disabled", "Signups not allowed for this instance"],
    ["email_address_not_authorized", "Email address not authorized"],
  ])("a project that takes no accounts says so: %s", async ([code, message]) => {
    expect(await callWith(422, { code, message }, "register")).toMatchObject({
      status: 403,
      body: { code: "signup_refused", detail: message },
    });
  });

  test("what else it does not like is the caller's fault, in its words", async () => {
    const fault = { code: "email_address_invalid", message: "Email address is invalid" };
    expect(await callWith(400, fault, "register")).toMatchObject({
      status: 422,
      body: { code: "invalid_request", detail: "Email address is invalid" },
    });
  });
});

test("the accounts API describes itself as OpenAPI", async () => {
  const { status, body } = await functions.call("/auth/openapi.json");
  expect(status).toBe(200);
  expect(Object.keys(body.paths).sort()).toEqual(["/auth/login", "/auth/register"]);
});
