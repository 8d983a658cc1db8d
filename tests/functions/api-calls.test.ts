import { createHash, randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startApi } from "./start-api.ts";

let api: Awaited<ReturnType<typeof startApi>>;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());
beforeEach(() => setOpenAdmin(false));

const setOpenAdmin = (open: boolean) => api.db.sql("update corral.settings set open_admin = $1", [open]);
const admins = (path: string, token: string | undefined) => api.call(path, { token });

describe("who may call", () => {
  test("an admin of Supabase Auth may call everything", async () => {
    expect(await api.call("sync/tables")).toMatchObject({ status: 200, body: expect.any(Array) });
  });

  test("whoever has the service role's key is an admin, too", async () => {
    expect((await admins("sync/tables", api.keys.serviceRoleKey)).status).toBe(200);
  });

  test("nobody is let in without a token, nor by the anonymous key", async () => {
    for (const token of [undefined, api.keys.anonKey]) {
      expect(await admins("sync/tables", token)).toMatchObject({ status: 401, body: { code: "unauthorized" } });
    }
  });

  test("a caller without a token is an admin where the settings say so, one with a wrong token is not", async () => {
    await setOpenAdmin(true);
    expect((await admins("sync/tables", undefined)).status).toBe(200);
    for (const token of ["corral_swarm_0", "corral_agent_0", "a;b", ";", "not-a-token"]) {
      expect(await admins("sync/tables", token)).toMatchObject({ status: 401, body: { code: "invalid_token" } });
    }
    const basic = await api.call("sync/tables", { token: undefined, headers: { authorization: "Basic YTpi" } });
    expect(basic).toMatchObject({ status: 401, body: { code: "invalid_token" } });
  });

  test("a user who is no admin is refused everywhere", async () => {
    const { token } = await api.createUser();
    for (const path of ["sync/tables", "nothing"]) {
      expect(await admins(path, token)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    }
  });

  test.for([
    "sync/tables",
    "sync/tables/PUBLIC",
    "sync/jobs",
    "sync/jobs/1",
    "admin/tokens",
    "admin/tables",
    "admin/audit",
    "tasks/active",
    "tasks/status/1",
  ])("an agent is refused %s", async (path) => {
    const { token } = await api.createAgent();
    expect(await admins(path, token)).toMatchObject({ status: 403, body: { code: "forbidden" } });
  });

  test("an agent is let in by both of its tokens, and by neither alone", async () => {
    const { token, swarmToken, agentToken } = await api.createAgent();
    expect((await admins("nothing", token)).status).toBe(404);
    const halves = [
      [swarmToken.token, "agent"],
      [`${swarmToken.token};`, "agent"],
      ["corral_swarm_0", "agent"],
      [agentToken.token, "swarm"],
      [`;${agentToken.token}`, "swarm"],
      ["corral_agent_0", "swarm"],
    ];
    for (const [half, missing] of halves) {
      const detail = `The ${missing}'s token is missing: send Bearer <swarm token>;<agent token>`;
      expect(await admins("nothing", half)).toMatchObject({ status: 401, body: { code: "invalid_token", detail } });
    }
  });

  test("an agent's token counts in its own swarm only, and in its place only", async () => {
    const [mine, other] = [await api.createAgent(), await api.createAgent()];
    const wrong = [
      `${other.swarmToken.token};${mine.agentToken.token}`,
      `${mine.agentToken.token};${mine.swarmToken.token}`,
      `${mine.swarmToken.token};${mine.swarmToken.token}`,
    ];
    for (const token of wrong) expect((await admins("nothing", token)).status).toBe(401);
  });

  test("of many calls in a minute those beyond the token's limit are told when to come back", async () => {
    const { token } = await api.createAgent({ limits: { requests_per_minute: 2 } });
    const replies = [];
    for (let count = 0; count < 3; count++) replies.push(await admins("nothing", token));
    expect(replies.map(({ status }) => status)).toEqual([404, 404, 429]);
    const [, , limited] = replies;
    expect(limited?.body).toMatchObject({ code: "rate_limited", detail: "Too many requests" });
    const seconds = Number(limited?.headers.get("retry-after"));
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(seconds).toBeLessThanOrEqual(30);
    expect(await api.recordOf(limited?.headers ?? new Headers())).toMatchObject([
      { event: "received", status: 429 },
      { event: "finished", status: 429, error_code: "rate_limited" },
    ]);
  });
});

describe("the record of a call", () => {
  test("says who called what, and how it ended", async () => {
    const reply = await api.call("sync/tables?of=mine");
    const [received, finished, ...more] = await api.recordOf(reply.headers);
    expect(received).toMatchObject({
      event: "received",
      method: "GET",
      path: "/api/v1/sync/tables?of=mine",
      is_admin: true,
      user_id: api.admin.id,
      swarm: null,
      agent: null,
      status: null,
    });
    expect(finished).toMatchObject({
      event: "finished",
      call_id: received?.call_id,
      status: 200,
      error_code: null,
      rows: "0",
      bytes: String(JSON.stringify(reply.body).length),
      milliseconds: expect.any(Number),
    });
    expect(more).toEqual([]);
  });

  test("names swarm and agent", async () => {
    const { token, swarm, agent } = await api.createAgent();
    const { headers } = await admins("nothing", token);
    expect(await api.recordOf(headers)).toMatchObject([
      { event: "received", is_admin: false, user_id: null, swarm, agent },
      { event: "finished", status: 404, error_code: "not_found" },
    ]);
  });

  test("keeps no token, whoever calls", async () => {
    const { token, swarmToken, agentToken } = await api.createAgent();
    await api.recordOf((await admins("nothing", token)).headers);
    const rows = await api.db.sql<{ row: string }>("select a::text as row from corral.audit a");
    const all = rows.map(({ row }) => row).join("\n");
    for (const secret of [swarmToken.token, agentToken.token, api.admin.token]) {
      expect(all).not.toContain(secret);
      expect(all).not.toContain(createHash("sha256").update(secret).digest("hex"));
    }
  });

  test.for<[string, string, Parameters<typeof api.call>[1], number, string]>([
    ["a call without a token", "sync/tables", { token: undefined }, 401, "unauthorized"],
    ["a token that is none", "sync/tables", { token: "x.y.z" }, 401, "invalid_token"],
    ["a path that there is not", "nothing/at/all", {}, 404, "not_found"],
    ["a method that a path does not have", "sync/start", {}, 405, "method_not_allowed"],
    ["a body that does not fit", "sync/start", { method: "POST", body: {} }, 422, "invalid_request"],
    ["a body that is no JSON", "sync/start", { method: "POST", body: "{" }, 422, "invalid_request"],
    [
      "a body that is too large",
      "sync/start",
      { method: "POST", body: { table_name: "x".repeat(2 * 1024 * 1024) } },
      413,
      "body_too_large",
    ],
  ])("is there for %s", async ([, path, options, status, code]) => {
    const reply = await api.call(path, options);
    expect(reply).toMatchObject({ status, body: { code } });
    const [received, finished] = await api.recordOf(reply.headers);
    expect(received).toMatchObject({ event: "received", path: `/api/v1/${path}`, method: options?.method ?? "GET" });
    expect(finished).toMatchObject({ status, error_code: code, bytes: reply.headers.get("content-length") });
  });

  test("is there for each of many calls at once, one end each", async () => {
    const replies = await Promise.all(Array.from({ length: 40 }, () => api.call("sync/jobs")));
    const ends = await Promise.all(replies.map(({ headers }) => api.recordOf(headers)));
    expect(ends.map((rows) => rows.map(({ event }) => event))).toEqual(replies.map(() => ["received", "finished"]));
    expect(new Set(ends.map(([received]) => received?.call_id)).size).toBe(40);
  });

  test("keeps the first two thousand characters of a path", async () => {
    const path = `nothing?${"x".repeat(3000)}`;
    const { headers, status } = await api.call(path);
    expect(status).toBe(404);
    const [received] = await api.recordOf(headers);
    expect(received?.path).toBe(`/api/v1/${path}`.slice(0, 2000));
  });

  test("does not begin with a preflight, which nobody identifies himself for", async () => {
    const id = randomUUID();
    const reply = await fetch(`${api.url}/api/v1/sync/tables`, {
      method: "OPTIONS",
      headers: { origin: "https://example.org", "access-control-request-method": "GET", "x-request-id": id },
    });
    expect(reply.status).toBe(204);
    expect(await api.db.sql("select from corral.audit where request_id = $1", [id])).toEqual([]);
  });
});

describe("a path", () => {
  test("may end with a slash", async () => {
    for (const path of ["sync/tables/", "admin/tokens/", "tasks/queues/"]) {
      expect((await api.call(path)).status).toBe(200);
    }
    expect((await api.call("sync/tables/", { token: undefined })).status).toBe(401);
  });
});
