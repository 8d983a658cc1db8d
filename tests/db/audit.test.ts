import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import { addDataAgent, admit, admitAgent, createToken, type DataAgent } from "./data-scene.ts";
import { addAgent, hashOf } from "./fleet-scene.ts";
import { firstOf, sqlstateOf } from "./scene.ts";

let db: TestDatabase;
let agent: DataAgent;
beforeAll(async () => {
  db = await cloneDatabase();
  agent = await addDataAgent(db);
});
afterAll(() => db.drop());

const recordOf = async (call: unknown) => firstOf(await db.sql("select * from corral.audit where id = $1", [call]));

describe("a call is let in", () => {
  test("of an agent with both tokens, and is on record at once", async () => {
    const answer = await admit(db, { ...agent, path: "/data/tables?x=1", request: "req-1" });
    expect(answer).toMatchObject({
      outcome: "admitted",
      is_admin: false,
      swarm: agent.swarm,
      agent: agent.agent,
      retry_after_seconds: 0,
    });
    expect(await recordOf(answer.call_id)).toMatchObject({
      call_id: answer.call_id,
      event: "received",
      request_id: "req-1",
      method: "GET",
      path: "/data/tables?x=1",
      is_admin: false,
      user_id: null,
      token_id: expect.any(String),
      swarm_id: expect.any(String),
      swarm: agent.swarm,
      agent: agent.agent,
      status: null,
    });
  });

  test("of an admin, who is on record as the user that he is", async () => {
    const user = randomUUID();
    const answer = await admit(db, { user, isAdmin: true, isAdminOnly: true });
    expect(answer).toMatchObject({ outcome: "admitted", is_admin: true, swarm: null, agent: null });
    expect(await recordOf(answer.call_id)).toMatchObject({ user_id: user, is_admin: true, swarm_id: null });
  });

  test("of anybody without a token, as an admin, where admission is open", async () => {
    await db.sql("update corral.settings set open_admin = true");
    try {
      expect(await admit(db, { isAdminOnly: true })).toMatchObject({ outcome: "admitted", is_admin: true });
      expect(await admit(db, { user: randomUUID(), isAdminOnly: true })).toMatchObject({ outcome: "forbidden" });
      expect(await admit(db, { ...agent, isAdminOnly: true })).toMatchObject({ outcome: "forbidden", is_admin: false });
      expect(await admit(db, { swarmToken: "wrong" })).toMatchObject({ outcome: "unauthorized" });
      expect(await admit(db, { agentToken: "wrong" })).toMatchObject({ outcome: "unauthorized" });
    } finally {
      await db.sql("update corral.settings set open_admin = false");
    }
  });

  test("to what is public, whoever makes it, and has no rights by that", async () => {
    const { outcome, call_id } = await admit(db, { isPublic: true });
    expect(outcome).toBe("admitted");
    expect(await recordOf(call_id)).toMatchObject({ event: "received", status: null, is_admin: false, swarm: null });
    await expect(db.sql("select public.list_data_tables($1)", [call_id])).rejects.toThrow("was let in");
    await expect(db.sql(`select public.submit_query($1, '{"sql": "select 1"}')`, [call_id])).rejects.toThrow(
      "was let in",
    );
  });

  test("with a path of any length, of which the first 2,000 characters are kept", async () => {
    const { call_id } = await admit(db, { ...agent, path: `/${"x".repeat(5000)}` });
    expect(String((await recordOf(call_id)).path)).toHaveLength(2000);
  });
});

describe("a call is refused, on record too", () => {
  const refused = async (wishes: Parameters<typeof admit>[1], outcome: string, status: number) => {
    const answer = await admit(db, wishes);
    expect(answer.outcome).toBe(outcome);
    const record = await recordOf(answer.call_id);
    expect(record).toMatchObject({ event: "received", status });
    return { ...answer, record };
  };

  test("without any token", async () => {
    await refused({}, "unauthorized", 401);
  });

  test("with a token of the compute lane, which whoever has the swarm's can get himself", async () => {
    const { text } = await createToken(db, "swarm", { swarm: agent.swarm });
    const id = await addAgent(db, { token: text });
    await refused({ swarmToken: text, agentToken: id }, "unauthorized", 401);
  });

  test.each([
    ["the swarm's token alone", () => ({ swarmToken: agent.swarmToken })],
    ["the agent's token alone", () => ({ agentToken: agent.agentToken })],
    ["an agent's token in the place of the swarm's", () => ({ ...agent, swarmToken: agent.agentToken })],
    ["a swarm's token in the place of the agent's", () => ({ ...agent, agentToken: agent.swarmToken })],
    ["an unknown agent's token", () => ({ ...agent, agentToken: "corral_agent_unknown" })],
  ])("with %s", async (_, tokens) => {
    const { record } = await refused(tokens(), "unauthorized", 401);
    expect(record).toMatchObject({ swarm: null, agent: null, swarm_id: null, token_id: null });
  });

  test("with the tokens of two swarms", async () => {
    const other = await addDataAgent(db);
    await refused({ swarmToken: agent.swarmToken, agentToken: other.agentToken }, "unauthorized", 401);
    const { text } = await createToken(db, "swarm", { swarm: other.swarm });
    const id = await addAgent(db, { token: text });
    await refused({ swarmToken: agent.swarmToken, agentToken: id }, "unauthorized", 401);
  });

  test.each(["swarmToken", "agentToken"] as const)("once the %s is revoked, or expired", async (half) => {
    const one = await addDataAgent(db);
    await admitAgent(db, one);
    const change = (set: string) =>
      db.sql(`update corral.tokens set ${set} where hash = decode($1, 'hex')`, [hashOf(one[half])]);
    await change("expires_at = corral.now()");
    await refused(one, "unauthorized", 401);
    await change("expires_at = corral.now() + interval '1 hour'");
    await admitAgent(db, one);
    await change("revoked_at = corral.now()");
    await refused(one, "unauthorized", 401);
  });

  test("of a user who is no admin", async () => {
    const { record } = await refused({ user: randomUUID() }, "forbidden", 403);
    expect(record.is_admin).toBe(false);
  });

  test("of an agent, where only admins may", async () => {
    await refused({ ...agent, isAdminOnly: true }, "forbidden", 403);
  });

  test("and has no rights: what is done for it fails", async () => {
    const { call_id } = await admit(db, {});
    expect(await sqlstateOf(db.sql("select * from public.list_data_tables($1)", [call_id]))).toBe("P0001");
    expect(await sqlstateOf(db.sql("select public.note_call($1, '{}')", [call_id]))).toBe("P0001");
    expect(await sqlstateOf(db.sql("select * from public.list_data_tables($1)", [null]))).toBe("P0001");
  });
});

describe("a token's calls per minute", () => {
  test("are as many as it has, then 429 with the seconds until the next, and fill up evenly", async () => {
    const one = await addDataAgent(db, { limits: { requests_per_minute: 2 } });
    const clock = await cloneClock();
    try {
      expect(await clock.outcomes(one, 3)).toEqual(["admitted", "admitted", "rate_limited"]);
      const last = await clock.admit(one);
      expect(last).toMatchObject({ outcome: "rate_limited", retry_after_seconds: 30 });
      expect(await recordOf(last.call_id)).toMatchObject({ status: 429, agent: one.agent });
      await clock.set("+15 seconds");
      expect(await clock.admit(one)).toMatchObject({ outcome: "rate_limited", retry_after_seconds: 15 });
      await clock.set("+31 seconds");
      expect(await clock.outcomes(one, 2)).toEqual(["admitted", "rate_limited"]);
      await clock.set("+1 hour");
      expect(await clock.outcomes(one, 3)).toEqual(["admitted", "admitted", "rate_limited"]);
    } finally {
      await clock.end();
    }
  });

  test("are the settings' where it has no limit of its own", async () => {
    const one = await addDataAgent(db);
    const clock = await cloneClock();
    await db.sql("update corral.settings set requests_per_minute = 1");
    try {
      expect(await clock.outcomes(one, 2)).toEqual(["admitted", "rate_limited"]);
    } finally {
      await db.sql("update corral.settings set requests_per_minute = default");
      await clock.end();
    }
  });

  test("are not another's: two agents of a swarm have each their own", async () => {
    const one = await addDataAgent(db, { limits: { requests_per_minute: 1 } });
    const other = await addDataAgent(db, { swarm: one.swarm });
    expect((await admit(db, one)).outcome).toBe("admitted");
    expect((await admit(db, one)).outcome).toBe("rate_limited");
    expect((await admit(db, { ...other, swarmToken: one.swarmToken })).outcome).toBe("admitted");
  });

  test("do not bind an admin", async () => {
    const one = await addDataAgent(db, { limits: { requests_per_minute: 1 } });
    await admit(db, one);
    expect((await admit(db, { ...one, isAdmin: true })).outcome).toBe("admitted");
  });

  /** One connection, whose clock is moved: the allowance of a test is not another's. */
  async function cloneClock() {
    const client = await db.connect();
    await client.query("select set_config('corral.test_now', now()::text, false) as now");
    const { rows } = await client.query<{ now: string }>("select current_setting('corral.test_now') as now");
    const admitHere = async ({ swarmToken, agentToken }: DataAgent) =>
      firstOf(
        (
          await client.query<Row>("select * from public.admit_call('GET', '/', 'r', false, $1, $2)", [
            hashOf(swarmToken),
            hashOf(agentToken),
          ])
        ).rows,
      );
    return {
      admit: admitHere,
      outcomes: async (one: DataAgent, count: number) => {
        const outcomes: unknown[] = [];
        for (let i = 0; i < count; i++) outcomes.push((await admitHere(one)).outcome);
        return outcomes;
      },
      set: (later: string) =>
        client.query("select set_config('corral.test_now', ($1::timestamptz + $2::interval)::text, false)", [
          rows[0]?.now,
          later.slice(1),
        ]),
      end: () => client.end(),
    };
  }
});

describe("the record of a call", () => {
  test("says what it turned out to be about, and how it ended", async () => {
    const call = await admitAgent(db, agent);
    await db.sql("select public.note_call($1, $2)", [call, { sql: "select 1" }]);
    await db.sql("select public.finish_calls($1)", [
      JSON.stringify([
        { call: Number(call), status: 200, error_code: null, rows: 3, bytes: 100, milliseconds: 12.5 },
        { call: Number(await admitAgent(db, agent)), status: 404, error_code: "table_not_found", bytes: 20 },
      ]),
    ]);
    const rows = await db.sql(
      "select event, details, status, error_code, rows, bytes, milliseconds from corral.audit where call_id = $1 order by id",
      [call],
    );
    expect(rows.slice(1)).toEqual([
      {
        event: "detail",
        details: { sql: "select 1" },
        status: null,
        error_code: null,
        rows: null,
        bytes: null,
        milliseconds: null,
      },
      {
        event: "finished",
        details: null,
        status: 200,
        error_code: null,
        rows: "3",
        bytes: "100",
        milliseconds: 12.5,
      },
    ]);
  });

  test("has one end, however often it is told", async () => {
    const call = await admitAgent(db, agent);
    const ends = [200, 500].map((status) => JSON.stringify([{ call: Number(call), status }]));
    for (const end of ends) await db.sql("select public.finish_calls($1)", [end]);
    const rows = await db.sql("select status from corral.audit where call_id = $1 and event = 'finished'", [call]);
    expect(rows).toEqual([{ status: 200 }]);
  });

  test.each([
    "update corral.audit set path = '/elsewhere'",
    "delete from corral.audit",
    "truncate corral.audit",
    "delete from corral.audit where id = (select min(id) from corral.audit)",
  ])("is never changed, not by its owner either: %s", async (statement) => {
    await expect(db.sql(statement)).rejects.toThrow("append-only");
  });

  test("is out of reach for every role of a request", async () => {
    for (const role of ["anon", "authenticated", "service_role"] as const)
      expect(await sqlstateOf(db.as(role, {}, "insert into corral.audit (call_id, event) values (1, 'detail')"))).toBe(
        "42501",
      );
  });
});
