import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import {
  addDataAgent,
  addSyncedTable,
  admit,
  admitAdmin,
  admitAgent,
  createToken,
  type DataAgent,
} from "./data-scene.ts";
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

  test("of an agent of the compute lane, with the token that it got when it registered", async () => {
    const { text } = await createToken(db, "swarm", { swarm: agent.swarm });
    const id = await addAgent(db, { token: text });
    const answer = await admit(db, { swarmToken: text, agentToken: id });
    expect(answer).toMatchObject({ outcome: "admitted", agent: id, swarm: agent.swarm });
    expect(await recordOf(answer.call_id)).toMatchObject({ token_id: null, agent: id });
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

describe("a search of the record", () => {
  interface Found extends Row {
    id: string;
    call_id: string;
    event: string;
  }
  const search = async (filter: Row = {}) =>
    db.sql<Found>("select * from public.search_audit($1, $2)", [await admitAdmin(db), JSON.stringify(filter)]);

  test("is for admins", async () => {
    const call = await admitAgent(db, agent);
    expect(await sqlstateOf(db.sql("select * from public.search_audit($1, '{}')", [call]))).toBe("ZC102");
  });

  test("finds the newest first, each with who called and what", async () => {
    const one = await addDataAgent(db);
    const { call_id: call } = await admit(db, { ...one, request: "req-of-one" });
    await db.sql("select public.note_call($1, '{\"a\": 1}')", [call]);
    await db.sql("select public.finish_calls($1)", [JSON.stringify([{ call: Number(call), status: 200 }])]);
    const found = await search({ agent: one.agent });
    expect(found.map(({ event }) => event)).toEqual(["finished", "detail", "received"]);
    for (const row of found)
      expect(row).toMatchObject({ call_id: call, agent: one.agent, swarm: one.swarm, request_id: "req-of-one" });
    expect(await search({ request_id: "req-of-one" })).toEqual(found);
    expect(await search({ swarm: one.swarm })).toEqual(found);
    expect(await search({ agent: "nobody" })).toEqual([]);
    expect(await search({ swarm: "nobody" })).toEqual([]);
    expect(await search({ request_id: "none" })).toEqual([]);
  });

  test("goes on where the page before ended, a row of which may be gone", async () => {
    const one = await addDataAgent(db);
    for (let i = 0; i < 5; i++) await admitAgent(db, one);
    const all = (await search({ agent: one.agent })).map(({ id }) => id);
    expect(all).toHaveLength(5);
    const first = (await search({ agent: one.agent, limit: 2 })).map(({ id }) => id);
    expect(first).toEqual(all.slice(0, 2));
    const second = await search({ agent: one.agent, limit: 2, before_id: first[1] });
    expect(second.map(({ id }) => id)).toEqual(all.slice(2, 4));
    const between = Number(all[2]) - 1;
    expect((await search({ agent: one.agent, before_id: between + 1 })).map(({ id }) => id)).toEqual(all.slice(3));
    expect(await search({ agent: one.agent, before_id: 1 })).toEqual([]);
    expect(await search({ agent: one.agent, before_id: 2 ** 53 - 1 })).toHaveLength(5);
  });

  test("finds the calls about a table, whatever the case, few or many", async () => {
    const one = await addDataAgent(db);
    const { schema, table } = await addSyncedTable(db, { swarm: one.swarm });
    const read = async () => {
      const call = await admitAgent(db, one);
      await db.sql("select * from public.get_data_table($1, $2, $3)", [call, table, schema]);
      return call;
    };
    const call = await read();
    const other = await admitAgent(db, one);
    const filter = { table: `${schema}.${table}`.toLowerCase(), agent: one.agent };
    expect((await search(filter)).map(({ call_id, event }) => [call_id, event])).toEqual([
      [call, "detail"],
      [call, "received"],
    ]);
    expect((await search({ agent: one.agent })).some(({ call_id }) => call_id === other)).toBe(true);
    // More than are looked up at once, and one more, which is not among them.
    const many = await admitAgent(db, one);
    await db.sql(
      `select public.note_call($1, jsonb_build_object('tables', jsonb_build_array(jsonb_build_object('table', $2::text))))
         from generate_series(1, 1000)`,
      [many, `${schema}.${table}`],
    );
    const last = await read();
    const found = await search({ ...filter, limit: 1000 });
    expect(found.slice(0, 3).map(({ call_id }) => call_id)).toEqual([last, last, many]);
    expect(found.some(({ call_id }) => call_id === other)).toBe(false);
    const { id } = firstOf(await db.sql("select max(id) as id from corral.audit where call_id = $1", [call]));
    expect((await search({ ...filter, before_id: Number(id) + 1 })).map(({ call_id }) => call_id)).toEqual([
      call,
      call,
    ]);
    expect(await search({ table: `${schema}.nothing` })).toEqual([]);
  });

  test("stays between two moments", async () => {
    const one = await addDataAgent(db);
    const call = await admitAgent(db, one);
    const { at } = firstOf(await db.sql<{ at: Date }>("select at from corral.audit where id = $1", [call]));
    const shift = (ms: number) => new Date(at.getTime() + ms).toISOString();
    const within = (from?: number, to?: number) =>
      search({
        agent: one.agent,
        ...(from === undefined ? {} : { from: shift(from) }),
        ...(to === undefined ? {} : { to: shift(to) }),
      });
    expect(await within(-1000, 1000)).toHaveLength(1);
    expect(await within(-1000)).toHaveLength(1);
    expect(await within(undefined, 1000)).toHaveLength(1);
    expect(await within(1000)).toEqual([]);
    expect(await within(undefined, -1000)).toEqual([]);
  });

  test("reads no more than it shows, however long the record is", async () => {
    await db.sql(
      `insert into corral.audit (id, call_id, event, request_id, swarm, agent)
       select nextval('corral.audit_ids'), currval('corral.audit_ids'), 'received', 'many', 'many', 'many'
         from generate_series(1, 20000)`,
    );
    const one = await addDataAgent(db);
    const { call_id: call } = await admit(db, { ...one, request: "one-of-many" });
    await db.sql(`select public.note_call($1, '{"tables": [{"table": "ONE.OF_MANY"}]}')`, [call]);
    await db.sql("analyze corral.audit");
    const admin = await admitAdmin(db);
    const client = await db.connect();
    const countRead = async () =>
      firstOf(
        (
          await client.query<{ read: number }>(
            `select sum(pg_stat_get_xact_tuples_returned(oid))::int as read
               from (select 'corral.audit'::regclass::oid union all
                     select indexrelid from pg_index where indrelid = 'corral.audit'::regclass) r (oid)`,
          )
        ).rows,
      ).read;
    const readBy = async (filter: Row) => {
      await client.query("begin");
      const before = await countRead();
      const found = await client.query("select * from public.search_audit($1, $2)", [admin, JSON.stringify(filter)]);
      const read = (await countRead()) - before;
      await client.query("commit");
      return { found: found.rows.length, read };
    };
    for (const filter of [
      { agent: one.agent },
      { request_id: "one-of-many" },
      { swarm: one.swarm },
      { table: "one.of_many" },
      { to: "2020-01-01T00:00:00Z" },
      { limit: 10 },
    ]) {
      const { found, read } = await readBy(filter);
      expect(found, JSON.stringify(filter)).toBeLessThanOrEqual(10);
      expect(read, JSON.stringify(filter)).toBeLessThan(100);
    }
  });
});
