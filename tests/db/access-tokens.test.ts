import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import { addDataAgent, admit, admitAdmin, admitAgent, createToken, detailsOf } from "./data-scene.ts";
import { hashOf } from "./fleet-scene.ts";
import { firstOf, sqlstateOf } from "./scene.ts";
import { startBlocked } from "./wait-for-lock.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
});
afterAll(() => db.drop());

const CREATE = "select * from public.create_token($1, $2, $3, $4)";
const revoke = async (token: unknown) =>
  firstOf(await db.sql("select * from public.revoke_token($1, $2)", [await admitAdmin(db), token]));
const listed = async (token: unknown) =>
  firstOf(await db.sql("select * from public.list_tokens($1) where token_id = $2", [await admitAdmin(db), token]));

describe("a token", () => {
  test("is for the swarm default unless told otherwise, and only its hash is kept", async () => {
    const { text, row } = await createToken(db, "swarm");
    expect(row).toMatchObject({
      type: "swarm",
      swarm: "default",
      agent: null,
      name: null,
      expires_at: null,
      revoked_at: null,
      last_used_at: null,
      limits: {},
    });
    const kept = await db.sql("select encode(hash, 'hex') as hash from corral.tokens where id = $1", [row.token_id]);
    expect(kept).toEqual([{ hash: hashOf(text) }]);
  });

  test("of an agent without a name gets one, which differs from token to token", async () => {
    const { row: first } = await createToken(db, "agent");
    const { row: second } = await createToken(db, "agent");
    expect(first.agent).toMatch(/^agent-[0-9a-f]{8}$/);
    expect(second.agent).not.toBe(first.agent);
  });

  test("carries all that it was asked for; a swarm's has no agent", async () => {
    const expires = new Date("2030-01-01T00:00:00Z");
    const options = {
      agent: "ann",
      name: "Ann's",
      expires_at: expires,
      limits: { query_seconds: 5, result_rows: null },
    };
    const { row } = await createToken(db, "agent", options);
    expect(row).toMatchObject({ agent: "ann", name: "Ann's", expires_at: expires, limits: options.limits });
    expect((await createToken(db, "swarm", { agent: "ann" })).row.agent).toBeNull();
    expect((await createToken(db, "swarm", { limits: null, name: "n".repeat(255) })).row.limits).toEqual({});
  });

  test("makes its swarm unless there is one", async () => {
    const swarm = `swarm-${randomUUID()}`;
    await createToken(db, "swarm", { swarm });
    await createToken(db, "agent", { swarm });
    expect(await db.sql("select from corral.swarms where name = $1", [swarm])).toHaveLength(1);
  });

  test("makes its swarm once when two ask for the same at the same time", async () => {
    const swarm = `swarm-${randomUUID()}`;
    const first = await db.connect();
    await first.query("begin");
    const options = JSON.stringify({ swarm });
    await first.query(CREATE, [await admitAdmin(db), "swarm", hashOf(randomUUID()), options]);
    const second = await startBlocked(db, CREATE, [await admitAdmin(db), "swarm", hashOf(randomUUID()), options]);
    await first.query("commit");
    expect(await second.result).toMatchObject({ swarm });
    expect(await db.sql("select from corral.swarms where name = $1", [swarm])).toHaveLength(1);
    const sequences = await db.sql(
      `select from pg_class c where c.relkind = 'S' and c.relname like 'swarm_turn_%'
          and not exists (select from corral.swarms where turn = c.oid)`,
    );
    expect(sequences).toEqual([]);
  });

  test.each([
    [{ requests_per_minute: "many" }],
    [{ requests_per_minute: 1.5 }],
    [{ concurrent_queries: 0 }],
    [{ query_seconds: [1] }],
    [{ query_seconds: {} }],
    [["requests_per_minute"]],
    ["none"],
  ])("is not made with limits that no call could be measured by: %j", async (limits) => {
    expect(await sqlstateOf(createToken(db, "agent", { limits }))).toBe("23514");
  });

  test("is made, listed and revoked by admins only, and nobody's hash is shown", async () => {
    const call = await admitAgent(db, await addDataAgent(db));
    expect(await sqlstateOf(db.sql(CREATE, [call, "swarm", hashOf("x"), "{}"]))).toBe("ZC102");
    expect(await sqlstateOf(db.sql("select * from public.list_tokens($1)", [call]))).toBe("ZC102");
    const { row } = await createToken(db, "swarm");
    expect(await sqlstateOf(db.sql("select * from public.revoke_token($1, $2)", [call, row.token_id]))).toBe("ZC102");
    expect(Object.keys(await listed(row.token_id))).not.toContain("hash");
    expect((await listed(row.token_id)).revoked_at).toBeNull();
  });

  test("is on record with what was asked for, when it is made and when it is revoked", async () => {
    const call = await admitAdmin(db);
    const { token_id } = firstOf(await db.sql(CREATE, [call, "agent", hashOf(randomUUID()), '{"agent": "bob"}']));
    expect(await detailsOf(db, call)).toEqual([{ token_id: Number(token_id), options: { agent: "bob" } }]);
    const other = await admitAdmin(db);
    await db.sql("select * from public.revoke_token($1, $2)", [other, token_id]);
    expect(await detailsOf(db, other)).toEqual([{ token_id: Number(token_id) }]);
  });

  test("ends when it is revoked, once and for all", async () => {
    const agent = await addDataAgent(db);
    const { id } = firstOf(
      await db.sql("select id from corral.tokens where hash = decode($1, 'hex')", [hashOf(agent.agentToken)]),
    );
    const { revoked_at } = await revoke(id);
    expect(revoked_at).toBeInstanceOf(Date);
    expect((await revoke(id)).revoked_at).toEqual(revoked_at);
    expect((await admit(db, agent)).outcome).toBe("unauthorized");
  });

  test("that there is not cannot be revoked", async () => {
    expect(await sqlstateOf(revoke(4242424242))).toBe("ZC101");
  });

  test("tells when it was last used", async () => {
    const agent = await addDataAgent(db);
    const { id } = firstOf(
      await db.sql("select id from corral.tokens where hash = decode($1, 'hex')", [hashOf(agent.agentToken)]),
    );
    expect((await listed(id)).last_used_at).toBeNull();
    await admitAgent(db, agent);
    expect((await listed(id)).last_used_at).toBeInstanceOf(Date);
  });

  test("is listed before those that were made earlier, and those that were revoked after all others", async () => {
    const { row: revoked } = await createToken(db, "swarm");
    await createToken(db, "swarm");
    await db.sql("select public.revoke_token($1, $2)", [await admitAdmin(db), revoked.token_id]);
    const listed = await db.sql<{ token_id: string; revoked_at: Date | null }>(
      "select token_id, revoked_at from public.list_tokens($1)",
      [await admitAdmin(db)],
    );
    const rank = (token: (typeof listed)[number]) => (token.revoked_at === null ? 1e9 : 0) + Number(token.token_id);
    expect(listed).toEqual(listed.toSorted((a, b) => rank(b) - rank(a)));
    expect(listed.length).toBeGreaterThan(1);
  });
});
