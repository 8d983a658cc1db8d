import { createHash, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startApi } from "./start-api.ts";

let api: Awaited<ReturnType<typeof startApi>>;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const create = (body: unknown) => api.post("admin/tokens", body);
const listed = async (id: number) =>
  (await api.call("admin/tokens")).body.find((token: { token_id: number }) => token.token_id === id);

describe("POST /api/v1/admin/tokens", () => {
  test("makes a swarm's token for everybody's swarm when nothing else is said", async () => {
    const { status, headers, body } = await create({ type: "swarm" });
    expect(status).toBe(200);
    expect(body).toEqual({
      token_id: expect.any(Number),
      token: expect.stringMatching(/^corral_swarm_[0-9a-f]{64}$/),
      type: "swarm",
      swarm: "default",
      agent: null,
      name: null,
      created_at: expect.stringMatching(/^\d{4}-/),
      expires_at: null,
      limits: {},
    });
    expect(headers.get("cache-control")).toBe("no-store");
  });

  test("makes an agent's token, with a name and a swarm of its own", async () => {
    const swarm = `lab ${randomUUID()}`;
    const { status, body } = await create({
      type: "AGENT",
      swarm,
      agent: "analyst",
      name: "for the demo",
      expires_at: "2031-01-01T00:00:00+01:00",
      limits: { requests_per_minute: 10, result_rows: 1000, query_seconds: null },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      token: expect.stringMatching(/^corral_agent_[0-9a-f]{64}$/),
      type: "agent",
      swarm,
      agent: "analyst",
      name: "for the demo",
      limits: { requests_per_minute: 10, result_rows: 1000 },
    });
    expect(new Date(body.expires_at)).toEqual(new Date("2030-12-31T23:00:00Z"));
    expect(Object.keys(body.limits)).toHaveLength(2);
  });

  test("names an agent that has no name", async () => {
    const [first, second] = [await create({ type: "agent" }), await create({ type: "agent" })];
    expect(first.body.agent).toMatch(/^agent-/);
    expect(second.body.agent).not.toBe(first.body.agent);
  });

  test("keeps a token's hash, and the token nowhere", async () => {
    const { body } = await create({ type: "agent", swarm: `lab-${randomUUID()}` });
    const [row] = await api.db.sql<{ hash: string; text: string }>(
      "select encode(hash, 'hex') as hash, t::text as text from corral.tokens t where id = $1",
      [body.token_id],
    );
    expect(row?.hash).toBe(createHash("sha256").update(body.token).digest("hex"));
    expect(row?.text).not.toContain(body.token);
    expect(JSON.stringify(await listed(body.token_id))).not.toContain(body.token);
  });

  test.for<[string, object, (string | number)[]]>([
    ["no type", {}, ["body", "type"]],
    ["another type", { type: "admin" }, ["body", "type"]],
    ["an empty name of a swarm", { type: "swarm", swarm: "" }, ["body", "swarm"]],
    ["a limit of nothing", { type: "agent", limits: { query_seconds: 0 } }, ["body", "limits", "query_seconds"]],
    ["a limit that there is not", { type: "agent", limits: { wishes: 3 } }, ["body", "limits"]],
    ["a time that is none", { type: "agent", expires_at: "tomorrow" }, ["body", "expires_at"]],
    ["a time before all times", { type: "agent", expires_at: "0000-01-01T00:00:00Z" }, ["body", "expires_at"]],
    ["a time that is past", { type: "agent", expires_at: "2020-01-01" }, ["body", "expires_at"]],
    ["two ends", { type: "agent", expires_at: "2031-01-01", expiry_days: 3 }, ["body"]],
  ])("answers 422 to %s", async ([, body, loc]) => {
    expect(await create(body)).toMatchObject({ status: 422, body: { detail: [{ loc }] } });
  });
});

describe("GET /api/v1/admin/tokens", () => {
  test("lists tokens, newest first, with when they were last used", async () => {
    const { swarmToken, agentToken, token } = await api.createAgent();
    await api.call("nothing", { token });
    const { status, body } = await api.call("admin/tokens");
    expect(status).toBe(200);
    const { token: _, ...shown } = agentToken;
    expect(body[0]).toEqual({ ...shown, revoked_at: null, last_used_at: expect.stringMatching(/^\d{4}-/) });
    expect(body[1]).toMatchObject({ token_id: swarmToken.token_id, type: "swarm", agent: null });
  });
});

describe("DELETE /api/v1/admin/tokens/{id}", () => {
  const revoke = (id: unknown) => api.call(`admin/tokens/${id}`, { method: "DELETE" });

  test.for(["agentToken", "swarmToken"] as const)("ends the %s at once, and may be said twice", async (which) => {
    const made = await api.createAgent();
    const enter = async () => (await api.call("nothing", { token: made.token })).status;
    expect(await enter()).toBe(404);
    const { token_id } = made[which];
    expect(await revoke(token_id)).toMatchObject({ status: 200, body: { message: "Token revoked" } });
    expect(await enter()).toBe(401);
    const { revoked_at } = await listed(token_id);
    expect(revoked_at).toMatch(/^\d{4}-/);
    expect((await revoke(token_id)).status).toBe(200);
    expect((await listed(token_id)).revoked_at).toBe(revoked_at);
  });

  test("answers 404 to an id that no token has", async () => {
    expect(await revoke(999999)).toMatchObject({ status: 404, body: { code: "token_not_found" } });
    expect((await revoke("x")).status).toBe(422);
  });
});

describe("a token", () => {
  test.for(["agent", "swarm"])("of type %s lets nobody in once it has expired", async (type) => {
    const { token, agentToken, swarmToken } = await api.createAgent();
    expect((await api.call("nothing", { token })).status).toBe(404);
    const { token_id } = type === "agent" ? agentToken : swarmToken;
    await api.db.sql("update corral.tokens set expires_at = corral.now() - interval '1 second' where id = $1", [
      token_id,
    ]);
    expect((await api.call("nothing", { token })).status).toBe(401);
  });

  test("expires as many days from now as it is given", async () => {
    const { body } = await create({ type: "agent", expiry_days: 3 });
    const days = (Date.parse(body.expires_at) - Date.parse(body.created_at)) / (24 * 3600 * 1000);
    expect(days).toBeCloseTo(3, 2);
  });
});
