import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import { addDataAgent, addSyncedTable, admit, admitAdmin, admitAgent, readDataTable } from "./data-scene.ts";
import { firstOf, sqlstateOf } from "./scene.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
});
afterAll(() => db.drop());

describe("a search of the record", () => {
  interface Found extends Row {
    id: string;
    call_id: string;
    event: string;
  }
  const search = async (filter: Row = {}) =>
    db.sql<Found>("select * from public.search_audit($1, $2)", [await admitAdmin(db), JSON.stringify(filter)]);

  test("is for admins", async () => {
    const call = await admitAgent(db, await addDataAgent(db));
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
      await readDataTable(db, call, { schema, table });
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
    const unrelated = await admitAgent(db, one);
    const last = await read();
    const found = await search({ ...filter, limit: 1000 });
    expect(found.slice(0, 3).map(({ call_id }) => call_id)).toEqual([last, last, many]);
    expect(found.some(({ call_id }) => call_id === unrelated)).toBe(false);
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
