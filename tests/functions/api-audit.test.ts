import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startApi } from "./start-api.ts";

let api: Awaited<ReturnType<typeof startApi>>;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

interface Entry {
  id: number;
  call_id: number;
  event: string;
  at: string;
  [field: string]: unknown;
}

async function search(filter: Record<string, string>): Promise<{ entries: Entry[]; next_before_id: number | null }> {
  const reply = await api.call(`admin/audit?${new URLSearchParams(filter)}`);
  expect(reply.status).toBe(200);
  return reply.body;
}

describe("GET /api/v1/admin/audit", () => {
  test("shows a call from its beginning to its end, newest first", async () => {
    const reply = await api.post("admin/tokens", { type: "swarm", swarm: "lab" });
    const id = reply.headers.get("x-request-id") ?? "";
    await api.recordOf(reply.headers);
    const { entries, next_before_id } = await search({ request_id: id });
    const call = { call_id: entries[0]?.call_id, request_id: id, method: "POST", path: "/api/v1/admin/tokens" };
    expect(entries).toMatchObject([
      {
        ...call,
        event: "finished",
        status: 200,
        error_code: null,
        bytes: JSON.stringify(reply.body).length,
        milliseconds: expect.any(Number),
      },
      { ...call, event: "detail", details: { token_id: reply.body.token_id, options: { swarm: "lab" } } },
      { ...call, event: "received", is_admin: true, user_id: api.admin.id, status: null },
    ]);
    expect(next_before_id).toBeNull();
  });

  test("finds the calls of an agent, and of a swarm", async () => {
    const [one, other] = [await api.createAgent(), await api.createAgent()];
    for (const { token } of [one, other, one]) await api.recordOf((await api.call("nothing", { token })).headers);
    expect((await search({ agent: one.agent })).entries).toHaveLength(4);
    expect((await search({ swarm: other.swarm })).entries).toMatchObject([
      { event: "finished", agent: other.agent, status: 404, error_code: "not_found" },
      { event: "received", agent: other.agent },
    ]);
    expect((await search({ agent: one.agent, swarm: other.swarm })).entries).toEqual([]);
  });

  test("finds the calls about a table, however its name is written", async () => {
    const schema = await api.addSchema("ORDERS", "RAIN");
    for (const table of ["ORDERS", "RAIN"]) {
      const reply = await api.post("sync/tables/register", { table_name: table, schema_name: schema });
      await api.recordOf(reply.headers);
    }
    const { entries } = await search({ table: `${schema}.orders` });
    expect(entries.map(({ event }) => event)).toEqual(["finished", "detail", "received"]);
    expect(entries[1]?.details).toMatchObject({ tables: [{ table: `${schema}.ORDERS` }] });
  });

  test("finds what was between two moments", async () => {
    const reply = await api.call("nothing");
    await api.recordOf(reply.headers);
    const request_id = reply.headers.get("x-request-id") ?? "";
    const [finished, received] = (await search({ request_id })).entries;
    const [from, to] = [received?.at ?? "", finished?.at ?? ""];
    expect((await search({ request_id, from, to })).entries).toHaveLength(2);
    expect((await search({ request_id, from: "9999-01-01" })).entries).toEqual([]);
    expect((await search({ request_id, to: "2001-01-01T00:00:00+02:00" })).entries).toEqual([]);
    const later = new Date(Date.parse(from) + 3_601_000).toISOString().replace("Z", "+01:00");
    expect((await search({ request_id, from: "2001-01-01T00:00:00", to: later })).entries.length).toBeGreaterThan(0);
  });

  test("goes through the record page by page, each entry once", async () => {
    const { agent, token } = await api.createAgent();
    for (let count = 0; count < 3; count++) await api.recordOf((await api.call("nothing", { token })).headers);
    const whole = (await search({ agent })).entries.map(({ id }) => id);
    const pages: number[][] = [];
    for (let before: number | null = Number.MAX_SAFE_INTEGER; before !== null; ) {
      const page = await search({ agent, limit: "4", before_id: String(before) });
      pages.push(page.entries.map(({ id }) => id));
      before = page.next_before_id;
    }
    expect(pages.map(({ length }) => length)).toEqual([4, 2]);
    expect(pages.flat()).toEqual(whole);
    expect(whole).toEqual(whole.toSorted((a, b) => b - a));
  });

  test("goes on where a page ends because its entries are large", async () => {
    const { agent, token } = await api.createAgent();
    const { headers } = await api.call("nothing", { token });
    const [received] = await api.recordOf(headers);
    await api.db.sql(
      `insert into corral.audit (call_id, event, details)
       select $1, 'detail', jsonb_build_object('sql', repeat('x', 400000)) from generate_series(1, 15)`,
      [received?.call_id],
    );
    const first = await search({ agent, limit: "1000" });
    expect(first.entries).toHaveLength(10);
    expect(first.next_before_id).toBe(first.entries.at(-1)?.id);
    const second = await search({ agent, limit: "1000", before_id: String(first.next_before_id) });
    expect(second).toMatchObject({ entries: { length: 7 }, next_before_id: null });
  });

  test("finds a thousand entries, each once", async () => {
    const { agent, token } = await api.createAgent();
    const [received] = await api.recordOf((await api.call("nothing", { token })).headers);
    await api.db.sql(
      "insert into corral.audit (call_id, event, details) select $1, 'detail', '{}' from generate_series(1, 1100)",
      [received?.call_id],
    );
    const { entries, next_before_id } = await search({ agent, limit: "1000" });
    expect(new Set(entries.map(({ id }) => id)).size).toBe(1000);
    expect((await search({ agent, before_id: String(next_before_id), limit: "150" })).entries).toHaveLength(102);
  });

  test.for([
    ["limit", "0"],
    ["limit", "1001"],
    ["before_id", "-1"],
    ["from", "yesterday"],
    ["from", "2026-13-01"],
    ["to", "2026-11-21T25:00:00Z"],
    ["to", "0000-01-01T00:00:00Z"],
    ["agent", ""],
  ] as const)("answers 422 to %s=%s", async ([field, value]) => {
    expect(await api.call(`admin/audit?${new URLSearchParams({ [field]: value })}`)).toMatchObject({
      status: 422,
      body: { detail: [{ loc: ["query", field] }] },
    });
  });

  test("is for admins", async () => {
    const { token } = await api.createAgent();
    expect((await api.call("admin/audit", { token })).status).toBe(403);
    expect((await api.call(`admin/audit?agent=${randomUUID()}`, { token: undefined })).status).toBe(401);
  });
});
