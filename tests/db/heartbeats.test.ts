import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { waitFor } from "../journeys/wait-for.ts";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import {
  addAgent,
  addJob,
  beat,
  type Call,
  cancelAllJobs,
  claimTask,
  completeTask,
  controlJob,
  failTask,
  hashOf,
  numbered,
  openEnrollment,
  silenceAgent,
} from "./fleet-scene.ts";
import { call, firstOf } from "./scene.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
  await openEnrollment(db);
});
afterAll(() => db.drop());
beforeEach(() => cancelAllJobs(db));

const BEAT = "select * from public.record_heartbeats($1) order by call";
const beats = (calls: Call[]) => db.sql(BEAT, [numbered(calls)]);
const agentRow = async (agent: string) => firstOf(await db.sql("select * from corral.agents where id = $1", [agent]));
/** How long ago the agent was last seen after it beat once more. */
const ageAfterBeat = async (agent: string, age: number, said: Call = {}) => {
  await silenceAgent(db, agent, age);
  await beat(db, agent, said);
  const since = "(select extract(epoch from corral.now() - last_seen_at)::float8 from corral.agents where id = $1)";
  return call<number>(db, since, [agent]);
};

describe("a heartbeat", () => {
  test("notes what the agent is doing, and that it was seen", async () => {
    const agent = await addAgent(db);
    await silenceAgent(db, agent, 1000);
    const { outcome, server_time } = await beat(db, agent, { status: "WORKING" });
    expect(outcome).toBe("seen");
    expect(await agentRow(agent)).toMatchObject({ status: "WORKING", last_seen_at: server_time });
  });

  test.each([
    ["about three seconds", {}, 10 / 3],
    ["a third of the interval", { interval: 90 }, 30],
  ])("that says nothing new is noted after %s", async (_, wishes, pause) => {
    const agent = await addAgent(db, wishes);
    expect(await ageAfterBeat(agent, pause - 1)).toBeGreaterThan(pause - 1.1);
    expect(await ageAfterBeat(agent, pause + 0.5)).toBeLessThan(1.5);
  });

  test("that says something new is noted at once", async () => {
    const agent = await addAgent(db);
    expect(await ageAfterBeat(agent, 2, { status: "BUSY" })).toBeLessThan(1.5);
    expect((await agentRow(agent)).status).toBe("BUSY");
  });

  test("that says nothing of what the agent is doing leaves it as it was", async () => {
    const agent = await addAgent(db);
    await beat(db, agent, { status: "WORKING" });
    await silenceAgent(db, agent, 100);
    expect(await beat(db, agent, { status: null })).toMatchObject({ outcome: "seen" });
    expect((await agentRow(agent)).status).toBe("WORKING");
  });

  test("that tells to come back much later is noted, so that the agent is not taken for silent", async () => {
    const agent = await addAgent(db);
    await db.sql("update corral.fleet set online = 100000");
    const { poll_after_seconds } = await beat(db, agent);
    await db.sql("update corral.fleet set online = 0");
    expect(Number(poll_after_seconds)).toBeGreaterThan(1000);
    expect((await agentRow(agent)).poll_after_seconds).toBe(poll_after_seconds);
  });

  test("touches no index, and finds room on its page", { timeout: 240_000 }, async () => {
    const agents = await Promise.all(Array.from({ length: 50 }, () => addAgent(db)));
    const client = await db.connect();
    const stats = async () => {
      await client.query("select pg_stat_force_next_flush(), pg_stat_clear_snapshot()");
      const { rows } = await client.query<{ written: number; hot: number }>(
        `select n_tup_upd::int as written, n_tup_hot_upd::int as hot
           from pg_stat_user_tables where relid = 'corral.agents'::regclass`,
      );
      return firstOf(rows);
    };
    /** Row versions make room only once every transaction of the server has ended that might see them. */
    const untilUnseen = async () => {
      const { rows } = await client.query<{ next: string }>("select pg_snapshot_xmax(pg_current_snapshot()) as next");
      const seen = "select pg_snapshot_xmin(pg_current_snapshot()) < $1::xid8 as by_others";
      const values = [firstOf(rows).next];
      await waitFor(async () => {
        const { rows } = await client.query<{ by_others: boolean }>(seen, values);
        return firstOf(rows).by_others ? undefined : true;
      }, 10);
    };
    const before = await stats();
    for (let round = 0; round < 20; round++) {
      const status = round % 2 === 0 ? "WORKING" : "IDLE";
      await client.query(BEAT, [numbered(agents.map((agent) => ({ agent, status })))]);
      await untilUnseen();
    }
    const after = await stats();
    expect(after.written - before.written).toBe(1000);
    expect((after.hot - before.hot) / (after.written - before.written)).toBeGreaterThanOrEqual(0.95);
  });

  test("waits for nobody who holds the agent: he is just noting it", async () => {
    const [agent, other] = [await addAgent(db), await addAgent(db)];
    const client = await db.connect();
    await client.query("begin");
    await client.query("select from corral.agents where id = $1 for update", [agent]);
    const said = { status: "BUSY" };
    expect(
      await beats([
        { agent, ...said },
        { agent: other, ...said },
      ]),
    ).toMatchObject([{ outcome: "seen" }, { outcome: "seen" }]);
    await client.query("commit");
    expect((await agentRow(other)).status).toBe("BUSY");
  });
});

describe("the reply to a heartbeat", () => {
  test("says which of the named tasks are no longer the agent's", async () => {
    const cancelled = await addJob(db, 1);
    const { agent, task: first } = await claimTask(db);
    await controlJob(db, cancelled.id, "cancel");
    await addJob(db, 5);
    const claim = async (request_id: string) => {
      const sql = "select task_id from public.request_tasks($1)";
      const { task_id } = firstOf(
        await db.sql<{ task_id: string }>(sql, [JSON.stringify([{ call: 0, agent, request_id }])]),
      );
      return task_id;
    };
    const [held, done, given, later] = [await claim("a"), await claim("b"), await claim("c"), await claim("d")];
    await completeTask(db, agent, done);
    await failTask(db, agent, given, { giveBack: true });
    const { task: others } = await claimTask(db);
    const tasks = [
      { task: first, attempt: 1 },
      { task: held },
      { task: done, attempt: 1 },
      { task: given },
      { task: later, attempt: 1 },
      { task: others },
      { task: 5 },
    ];
    const { stop } = await beat(db, agent, { tasks });
    expect(stop).toEqual([first, done, given, others, "5"]);
    expect(await beat(db, agent, { tasks: [{ task: later, attempt: 2 }] })).toMatchObject({ stop: [later] });
    expect(await beat(db, agent, { tasks: [{ task: held, attempt: 1 }] })).toMatchObject({ stop: null });
    expect(await beat(db, agent, { tasks: [] })).toMatchObject({ stop: null });
    expect(await beat(db, agent)).toMatchObject({ stop: null });
  });

  test("says when to come back, each agent at another moment", async () => {
    const waits = [];
    for (let i = 0; i < 5; i++) waits.push(Number((await beat(db, await addAgent(db))).poll_after_seconds));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(8);
    expect(Math.max(...waits)).toBeLessThanOrEqual(12);
    expect(new Set(waits).size).toBe(5);
  });

  test("is each agent's own in one statement, whatever the others say", async () => {
    const agent = await addAgent(db);
    const guarded = await addAgent(db, { token: await call<string>(db, "corral.issue_swarm_token('default')") });
    const status = "BUSY";
    const rows = await beats([
      { agent: guarded, status },
      { agent: "nobody", status },
      { agent, status },
      { agent: guarded, status, token: hashOf("wrong") },
      { agent, status: "WORKING" },
    ]);
    expect(rows.map(({ outcome }) => outcome)).toEqual([
      "unauthorized",
      "agent_not_found",
      "seen",
      "unauthorized",
      "seen",
    ]);
    expect((await agentRow(guarded)).status).toBe("IDLE");
    expect(await beats([{ agent: guarded, status, token: hashOf(guarded) }])).toMatchObject([{ outcome: "seen" }]);
    expect((await agentRow(guarded)).status).toBe("BUSY");
  });

  test("is that of one even where hundreds beat in opposite orders at the same moment", async () => {
    const agents = await Promise.all(Array.from({ length: 40 }, () => addAgent(db)));
    const clients = await Promise.all([db.connect(), db.connect(), db.connect(), db.connect()]);
    for (let round = 0; round < 20; round++) {
      const calls = agents.map((agent) => ({ agent, status: round % 2 === 0 ? "WORKING" : "IDLE" }));
      const answers = await Promise.all(
        clients.map((client, index) =>
          client.query<{ outcome: string }>(BEAT, [numbered(index % 2 === 0 ? calls : calls.toReversed())]),
        ),
      );
      for (const { rows } of answers) expect(new Set(rows.map(({ outcome }) => outcome))).toEqual(new Set(["seen"]));
    }
  });
});
