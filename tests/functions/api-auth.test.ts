import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startApi } from "./start-api.ts";

let api: Awaited<ReturnType<typeof startApi>>;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const password = "correct horse & battery=staple";

async function addAdmin(): Promise<string> {
  const email = `${randomUUID()}@example.org`;
  await api.functions("/auth/register", { method: "POST", body: { email, password } });
  await api.db.sql(
    `update auth.users set raw_app_meta_data = raw_app_meta_data || '{"corral_role": "admin"}' where email = $1`,
    [email],
  );
  return email;
}

async function signIn(fields: Record<string, string>, headers: Record<string, string> = {}) {
  const body = new URLSearchParams(fields);
  const reply = await fetch(`${api.url}/api/v1/auth/token`, { method: "POST", body, headers });
  return { status: reply.status, headers: reply.headers, body: await reply.json() };
}

describe("POST /api/v1/auth/token", () => {
  test("gives an admin a token, with the seed's fields and nothing else", async () => {
    const { status, headers, body } = await signIn({ username: await addAdmin(), password });
    expect(status).toBe(200);
    expect(body).toEqual({ access_token: expect.any(String), token_type: "bearer", expires_in: expect.any(Number) });
    expect(body.expires_in).toBeGreaterThan(60);
    expect(headers.get("cache-control")).toBe("no-store");
    expect((await api.call("sync/tables", { token: body.access_token })).status).toBe(200);
  });

  test("takes what OAuth2's clients send besides", async () => {
    const form = { grant_type: "password", scope: "", client_id: "", client_secret: "" };
    const username = ` ${(await addAdmin()).toUpperCase()} `;
    expect((await signIn({ ...form, username, password })).status).toBe(200);
  });

  test("does not mind a token that has expired, nor another that is none", async () => {
    const fields = { username: await addAdmin(), password };
    const { token } = await api.createUser();
    for (const authorization of ["Bearer x.y.z", "Bearer corral_swarm_0", "Basic YTpi", `Bearer ${token}`]) {
      expect((await signIn(fields, { authorization })).status).toBe(200);
    }
  });

  test("gives others a token too, which opens nothing here", async () => {
    const email = `${randomUUID()}@example.org`;
    await api.functions("/auth/register", { method: "POST", body: { email, password } });
    const { body } = await signIn({ username: email, password });
    expect((await api.call("sync/tables", { token: body.access_token })).status).toBe(403);
  });

  test("answers 401 to a wrong password and to an address that nobody has, both alike", async () => {
    const wrong = await signIn({ username: await addAdmin(), password: "wrong horse" });
    const unknown = await signIn({ username: "nobody@example.org", password });
    for (const reply of [wrong, unknown]) {
      expect(reply).toMatchObject({
        status: 401,
        body: { detail: "Invalid email or password", code: "invalid_login" },
      });
    }
  });

  test.for<[string, Record<string, string>, string]>([
    ["without a password", { username: "a@example.org" }, "password"],
    ["without a name", { password: "x" }, "username"],
  ])("answers 422 to a form %s", async ([, fields, missing]) => {
    expect(await signIn(fields)).toMatchObject({
      status: 422,
      body: { detail: [{ loc: ["body", missing], msg: "Field required", type: "missing" }] },
    });
  });

  test("answers 422 to JSON, which is no form", async () => {
    const reply = await api.post("auth/token", { username: "a", password: "b" }, { token: undefined });
    expect(reply).toMatchObject({ status: 422, body: { code: "invalid_request" } });
  });

  test("is on record with the address that was tried, and whose account it is", async () => {
    const username = await addAdmin();
    const [user] = await api.db.sql<{ id: string }>("select id from auth.users where email = $1", [username]);
    const detailsOf = async (fields: { username: string; password: string }) => {
      const record = await api.recordOf((await signIn(fields)).headers);
      return record.flatMap(({ event, details }) => (event === "detail" ? [details] : []));
    };
    expect(await detailsOf({ username, password })).toEqual([{ email: username, user_id: user?.id }]);
    expect(await detailsOf({ username: ` ${username}`, password: "wrong horse" })).toEqual([{ email: username }]);
    const unknown = `${randomUUID()}@example.org`;
    expect(await detailsOf({ username: unknown, password })).toEqual([{ email: unknown }]);
  });

  test("is on record without the password, whether it goes well or not", async () => {
    const username = await addAdmin();
    const [good, bad] = [await signIn({ username, password }), await signIn({ username, password: "wrong horse" })];
    const finished = async ({ headers }: { headers: Headers }) => (await api.recordOf(headers)).at(-1);
    expect(await finished(good)).toMatchObject({ status: 200, error_code: null });
    expect(await finished(bad)).toMatchObject({ status: 401, error_code: "invalid_login" });
    const [text] = await api.db.sql<{ all: string }>("select string_agg(a::text, ' ') as all from corral.audit a");
    expect(text?.all).not.toMatch(/horse/);
  });
});
