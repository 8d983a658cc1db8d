import { createHash } from "node:crypto";
import type pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import { addDataAgent, admitAgent, type DataAgent, sealAll } from "./data-scene.ts";
import { hashOf } from "./fleet-scene.ts";
import { call, firstOf } from "./scene.ts";

interface Seal extends Row {
  id: string;
  entries: number;
  digest: string;
  previous_head: string;
  head: string;
}

let db: TestDatabase;
let agent: DataAgent;
beforeAll(async () => {
  db = await cloneDatabase();
  await db.sql("update corral.settings set audit_seal_seconds = 0");
  agent = await addDataAgent(db);
});
afterAll(() => db.drop());

/** What came before is sealed. */
beforeEach(() => sealAll(db));

const seal = () => call<number>(db, "corral.seal_audit()");
const sealsAfter = (id: unknown = 0) => db.sql<Seal>("select * from public.list_seals($1)", [id]);
const newestSeal = async () => firstOf((await sealsAfter()).toReversed());
const linesOf = async ({ id }: Seal, after = 0, limit = 1000) =>
  (
    await db.sql<{ line: string }>("select line from public.read_sealed_lines($1, $2, $3) line", [id, after, limit])
  ).map(({ line }) => line);
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
/** Does what whoever verifies does: from the lines alone. */
const recompute = async (one: Seal) => sha256((await linesOf(one)).map((line) => `${line}\n`).join(""));
/** Writes to the trail past its guard, as only a superuser can. */
async function tamper(statement: string, params: unknown[] = []): Promise<void> {
  const client = await db.connect(db.adminUrl);
  await client.query("set session_replication_role = replica");
  await client.query(statement, params);
  await client.end();
}

/** Seals some calls of one transaction, and resolves to the seal and the calls' ids. */
async function sealCalls(count = 3) {
  const calls = await db.sql<{ call_id: string }>(
    `select a.call_id from generate_series(1, $1) n,
            lateral public.admit_call('GET', '/data/' || n, 'req', false, $2, $3) a order by a.call_id`,
    [count, hashOf(agent.swarmToken), hashOf(agent.agentToken)],
  );
  expect(await sealAll(db)).toEqual([count]);
  return { calls: calls.map(({ call_id }) => call_id), sealed: await newestSeal() };
}

const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0);

describe("a seal", () => {
  test("is over all that is new, and can be computed anew from the lines", async () => {
    const { calls, sealed } = await sealCalls();
    expect(sealed).toMatchObject({ entries: 3, anchored_at: null, sealed_at: expect.any(Date) });
    const lines = await linesOf(sealed);
    expect(lines.map((line) => String(JSON.parse(line)[0]))).toEqual(calls);
    expect(await recompute(sealed)).toBe(sealed.digest);
    expect(sealed.head).toBe(sha256(`${sealed.previous_head}\n${sealed.digest}`));
  });

  test("goes on from the head before it; the first from nothing", async () => {
    await sealCalls(1);
    await sealCalls(2);
    const seals = await sealsAfter();
    expect(seals[0]?.previous_head).toBe("");
    seals.slice(1).forEach((one, index) => {
      expect(one.previous_head).toBe(seals[index]?.head);
      expect(Number(one.id)).toBe(Number(seals[index]?.id) + 1);
    });
    const { total } = firstOf(await db.sql("select count(*)::int as total from corral.audit"));
    expect(seals.reduce((sum, { entries }) => sum + entries, 0)).toBe(total);
  });

  test("is not made over nothing", async () => {
    const before = await newestSeal();
    expect(await seal()).toBe(0);
    expect(await newestSeal()).toEqual(before);
  });

  test("is made no more often than the settings say", async () => {
    await sealCalls(1);
    await db.sql("update corral.settings set audit_seal_seconds = 3600");
    try {
      await admitAgent(db, agent);
      expect(await seal()).toBe(0);
      await db.sql("update corral.audit_seals set sealed_at = sealed_at - interval '1 hour'");
      expect(await sealAll(db)).toEqual([1]);
    } finally {
      await db.sql("update corral.settings set audit_seal_seconds = 0");
    }
  });

  test("leaves the rows of a transaction that still runs for later, and all that came after it", async () => {
    const slow = await db.connect();
    await slow.query("begin");
    await slow.query("insert into corral.audit (call_id, event, path) values (0, 'detail', 'slow')");
    await admitAgent(db, agent);
    expect(await seal()).toBe(0);
    await slow.query("commit");
    const before = await newestSeal();
    expect(sum(await sealAll(db))).toBe(2);
    const [sealed] = await sealsAfter(before.id);
    if (sealed === undefined) throw new Error("There is no seal");
    expect((await linesOf(sealed))[0]).toContain('"slow"');
    expect(await recompute(sealed)).toBe(sealed.digest);
    await slow.end();
  });

  test("is made by one sweep at a time, and the other waits for nobody", async () => {
    await admitAgent(db, agent);
    const first = await db.connect();
    await first.query("begin");
    await expect
      .poll(async () => (await first.query("select corral.seal_audit() as sealed")).rows)
      .toEqual([{ sealed: 1 }]);
    await admitAgent(db, agent);
    expect(await seal()).toBe(0);
    await first.query("commit");
    expect(await sealAll(db)).toEqual([1]);
    await first.end();
  });

  test("is over some 20,000 rows at most, whole transactions, and the next does not wait for its time", async () => {
    await db.sql("update corral.settings set audit_seal_seconds = 3600");
    try {
      await db.sql("update corral.audit_seals set sealed_at = sealed_at - interval '2 hours'");
      const add = (count: number, client: pg.Client) =>
        client.query("insert into corral.audit (call_id, event) select 0, 'detail' from generate_series(1, $1)", [
          count,
        ]);
      const clients = await Promise.all([1, 2, 3, 4].map(() => db.connect()));
      // All of them are settled at the same moment, by the one that began first.
      const sizes = [25_000, 15_000, 15_000, 1];
      for (const [index, client] of clients.entries()) {
        await client.query("begin");
        await add(sizes[index] ?? 0, client);
      }
      for (const client of clients.toReversed()) await client.query("commit");
      await expect.poll(seal).toBe(25_000);
      await expect.poll(seal).toBe(15_000);
      expect(await seal()).toBe(0);
      await db.sql("update corral.settings set audit_seal_seconds = 0");
      expect(sum(await sealAll(db))).toBe(15_001);
      const [one] = (await sealsAfter()).slice(-3);
      if (one === undefined) throw new Error("There is no seal");
      expect((await linesOf(one, 24_990)).length).toBe(10);
    } finally {
      await db.sql("update corral.settings set audit_seal_seconds = 0");
    }
  });

  test("is over no more bytes than can be hashed at once", async () => {
    const add = () =>
      db.sql(
        `insert into corral.audit (call_id, event, details)
         select 0, 'detail', jsonb_build_object('sql', repeat('x', 20000000)) from generate_series(1, 2)`,
      );
    await add();
    await add();
    expect(await sealAll(db)).toEqual([2, 2]);
  });

  test("has the same lines whatever a session's settings are", async () => {
    await db.sql(
      "insert into corral.audit (call_id, event, milliseconds) values (0, 'detail', 0.1), (0, 'detail', 12345.678)",
    );
    await sealAll(db);
    const sealed = await newestSeal();
    const client = await db.connect();
    await client.query("set timezone = 'Asia/Tokyo'; set extra_float_digits = -3; set datestyle = 'German'");
    const { rows } = await client.query<{ line: string }>("select line from public.read_sealed_lines($1) line", [
      sealed.id,
    ]);
    expect(rows.map(({ line }) => line)).toEqual(await linesOf(sealed));
    await client.query("insert into corral.audit (call_id, event, milliseconds) values (0, 'detail', 0.1)");
    await expect
      .poll(async () => (await client.query("select corral.seal_audit() as sealed")).rows)
      .toEqual([{ sealed: 1 }]);
    const foreign = await newestSeal();
    expect(await recompute(foreign)).toBe(foreign.digest);
    await client.end();
  });

  test("says all that a row says: whatever is changed shows", async () => {
    const { calls, sealed } = await sealCalls(1);
    const columns = await db.sql<{ name: string; type: string }>(
      `select attname as name, atttypid::regtype::text as type from pg_attribute
        where attrelid = 'corral.audit'::regclass and attnum > 0 and attname not in ('id', 'transaction_id')`,
    );
    const values: Record<string, string> = {
      bigint: "-1",
      integer: "-1",
      text: "'changed'",
      boolean: "true",
      real: "-1",
      uuid: "gen_random_uuid()",
      jsonb: "'{\"changed\": true}'",
      "timestamp with time zone": "now() + interval '1 microsecond'",
      "corral.audit_event": "'detail'",
    };
    for (const { name, type } of columns) {
      await tamper("create table if not exists corral.kept as select * from corral.audit where id = $1", [calls[0]]);
      await tamper(`update corral.audit set ${name} = ${values[type]} where id = $1`, [calls[0]]);
      expect(await recompute(sealed), name).not.toBe(sealed.digest);
      await tamper(`update corral.audit a set ${name} = k.${name} from corral.kept k where a.id = k.id`);
      expect(await recompute(sealed), name).toBe(sealed.digest);
    }
    await tamper("drop table corral.kept");
  });

  test("shows a row that was removed, or added", async () => {
    const { calls, sealed } = await sealCalls();
    await tamper(
      "insert into corral.audit (call_id, event, transaction_id) select 0, 'detail', transaction_id from corral.audit where id = $1",
      [calls[1]],
    );
    expect(await recompute(sealed)).not.toBe(sealed.digest);
    expect(await linesOf(sealed)).toHaveLength(4);
    await tamper(
      "delete from corral.audit where call_id = 0 and transaction_id = (select transaction_id from corral.audit where id = $1)",
      [calls[1]],
    );
    expect(await recompute(sealed)).toBe(sealed.digest);
    await tamper("delete from corral.audit where id = $1", [calls[2]]);
    expect(await recompute(sealed)).not.toBe(sealed.digest);
  });

  test("is read in pages", async () => {
    const { sealed } = await sealCalls(5);
    const all = await linesOf(sealed);
    expect([
      ...(await linesOf(sealed, 0, 2)),
      ...(await linesOf(sealed, 2, 2)),
      ...(await linesOf(sealed, 4, 2)),
    ]).toEqual(all);
    expect(await linesOf(sealed, 5)).toEqual([]);
    const seals = await sealsAfter();
    expect(await sealsAfter(seals.at(-2)?.id)).toEqual(seals.slice(-1));
    expect(await db.sql("select id from public.list_seals(0, 1)")).toEqual([{ id: seals[0]?.id }]);
  });
});

describe("the heads of the chain", () => {
  const unanchored = async () => (await db.sql("select * from public.list_unanchored_seals()")) as Seal[];
  const note = (id: unknown) => db.sql("select public.note_anchor($1)", [id]);
  const anchorAll = () => db.sql("update corral.audit_seals set anchored_at = coalesce(anchored_at, corral.now())");
  const posts = () => db.sql("select url, headers from net.http_request_queue");

  test("are listed until they are in the bucket, oldest first", async () => {
    await anchorAll();
    const { sealed: one } = await sealCalls(1);
    const { sealed: two } = await sealCalls(1);
    expect(await unanchored()).toMatchObject([
      { id: one.id, head: one.head, entries: 1, sealed_at: one.sealed_at },
      { id: two.id },
    ]);
    await note(one.id);
    expect(await unanchored()).toMatchObject([{ id: two.id }]);
    const { anchored_at } = firstOf(await db.sql("select anchored_at from corral.audit_seals where id = $1", [one.id]));
    await note(one.id);
    expect(await db.sql("select anchored_at from corral.audit_seals where id = $1", [one.id])).toEqual([
      { anchored_at },
    ]);
  });

  test("are announced to dispatch as long as one is not there", async () => {
    await anchorAll();
    await sealCalls(1);
    await db.sql("select corral.announce_seals()");
    expect(await posts()).toEqual([]);
    await db.sql(
      `select vault.create_secret('https://functions.example', 'corral_functions_url', ''),
              vault.create_secret('secret', 'corral_dispatch_secret', '')`,
    );
    await db.sql("select corral.announce_seals()");
    expect(await posts()).toEqual([
      {
        url: "https://functions.example/dispatch/anchor",
        headers: { "Content-Type": "application/json", Authorization: "Bearer secret" },
      },
    ]);
    await db.sql("delete from net.http_request_queue");
    await anchorAll();
    await db.sql("select corral.announce_seals()");
    expect(await posts()).toEqual([]);
  });
});

describe("forgetting the record", () => {
  const forget = () => db.sql("select corral.forget_audit()");
  const age = (condition: string, days: number) =>
    db.sql(`update corral.audit_seals set sealed_at = corral.now() - make_interval(days => $1) where ${condition}`, [
      days,
    ]);
  const idsOf = async () => (await sealsAfter()).map(({ id }) => id);
  const anchor = () => db.sql("update corral.audit_seals set anchored_at = corral.now()");

  test("takes whole seals that are past their retention, with their rows, and no others", async () => {
    const { calls: old, sealed: last } = await sealCalls(2);
    const { calls: kept, sealed } = await sealCalls(2);
    await sealCalls(1);
    await anchor();
    await age(`id <= ${last.id}`, 91);
    await age(`id > ${last.id}`, 89);
    const newest = await admitAgent(db, agent);
    await forget();
    expect((await idsOf())[0]).toBe(sealed.id);
    const left = await db.sql("select id from corral.audit where id = any ($1) order by id", [
      [...old, ...kept, newest],
    ]);
    expect(left.map(({ id }) => id)).toEqual([...kept, newest]);
    expect(await recompute(sealed)).toBe(sealed.digest);
    expect(sealed.previous_head).toBe(last.head);
    expect(await db.sql("select s from public.list_forgotten_seals($1) s", [[last.id, sealed.id]])).toEqual([
      { s: last.id },
    ]);
  });

  test("leaves the newest seal with its rows, so that the chain goes on and verifies", async () => {
    const { calls, sealed } = await sealCalls(2);
    await anchor();
    await age("true", 1000);
    await forget();
    expect(await idsOf()).toEqual([sealed.id]);
    expect(await recompute(sealed)).toBe(sealed.digest);
    expect(await linesOf(sealed)).toHaveLength(calls.length);
    const { sealed: next } = await sealCalls(1);
    expect(next.previous_head).toBe(sealed.head);
  });

  test("waits for heads that are not in the bucket", async () => {
    const { sealed } = await sealCalls(1);
    await sealCalls(1);
    await age("true", 1000);
    await db.sql("update corral.audit_seals set anchored_at = case when id < $1 then corral.now() end", [sealed.id]);
    await forget();
    expect((await idsOf())[0]).toBe(sealed.id);
  });

  test("leaves the record as append-only as it was, in the same transaction too", async () => {
    const client = await db.connect();
    await client.query("begin");
    await client.query("select corral.forget_audit()");
    await expect(client.query("delete from corral.audit")).rejects.toThrow("append-only");
    await client.query("rollback");
    await client.query("begin");
    await client.query("set local corral.forgets_audit = 'yes'");
    await expect(client.query("update corral.audit set path = 'x'")).rejects.toThrow("append-only");
    await client.query("rollback");
    await client.end();
  });
});
