import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import { addAgent, beat, hashOf, openEnrollment, requestTask, silenceAgent } from "./fleet-scene.ts";
import { addUser, call, firstOf, sqlstateOf } from "./scene.ts";
import { startBlocked } from "./wait-for-lock.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
});
afterAll(() => db.drop());

const REGISTER = `select outcome, token_issued from public.register_agent($1, $2, p_token => $3, p_new_token => $4)`;

/** Tokens are given and shown in the clear here. */
async function register(agent: string, email: string, shown?: string, fresh: string = randomUUID()): Promise<Row> {
  return firstOf(await db.sql(REGISTER, [agent, email, shown && hashOf(shown), hashOf(fresh)]));
}
const agentRow = async (agent: string) => firstOf(await db.sql("select * from corral.agents where id = $1", [agent]));
const setOpen = (open: boolean) => db.sql("update corral.settings set open_enrollment = $1", [open]);
const issueToken = (swarm: string) => call<string>(db, "corral.issue_swarm_token($1)", [swarm]);
async function addOwner(): Promise<string> {
  const email = `${randomUUID()}@example.com`;
  await addUser(db, email);
  return email;
}

describe("an agent without a token", () => {
  test("is refused where enrollment is not open, known or not", async () => {
    const email = await addOwner();
    expect(await register("closed", email)).toEqual({ outcome: "unauthorized", token_issued: false });
    await setOpen(true);
    await register("closed", email);
    await setOpen(false);
    expect(await register("closed", email)).toEqual({ outcome: "unauthorized", token_issued: false });
  });

  test("is created in the swarm default where it is, and taken back the next time", async () => {
    await openEnrollment(db);
    const email = await addOwner();
    expect(await register("open", email)).toEqual({ outcome: "created", token_issued: true });
    expect(await register("open", email)).toEqual({ outcome: "linked", token_issued: true });
    const row = await agentRow("open");
    expect(row).toMatchObject({ status: "IDLE", token_required: false });
    expect(await call(db, "(select name from corral.swarms where id = $1)", [row.swarm_id])).toBe("default");
  });

  test("needs an owner with a known address, whatever its case and the space around it", async () => {
    const email = await addOwner();
    expect(await register("lost", "nobody@example.com")).toEqual({ outcome: "owner_not_found", token_issued: false });
    expect(await db.sql("select from corral.agents where id = 'lost'")).toEqual([]);
    expect(await register("found", `  ${email.toUpperCase()} `)).toMatchObject({ outcome: "created" });
  });

  test("belongs to the oldest of several users whose addresses differ by case alone", async () => {
    const name = randomUUID();
    await addUser(db, `${name}@Example.com`);
    const earlier = await addUser(db, `${name}@example.COM`);
    await db.sql("update public.users set created_at = created_at - interval '1 day' where id = $1", [earlier]);
    await register("twofold", `${name}@example.com`);
    expect((await agentRow("twofold")).owner_id).toBe(earlier);
  });

  test("does not become another owner's by registering again", async () => {
    const email = await addOwner();
    await register("mine", email);
    const { owner_id, token_hash } = await agentRow("mine");
    expect(await register("mine", await addOwner())).toEqual({ outcome: "agent_conflict", token_issued: false });
    expect(await agentRow("mine")).toMatchObject({ owner_id, token_hash });
  });

  test("that two callers make at the same moment is the second's only if it is the same owner's", async () => {
    const client = await db.connect();
    const email = await addOwner();
    for (const [agent, second, outcome] of [
      ["raced", email, "linked"],
      ["snatched", await addOwner(), "agent_conflict"],
    ] as const) {
      await client.query("begin");
      await client.query(REGISTER, [agent, email, null, hashOf("a")]);
      const waiting = await startBlocked<{ outcome: string }>(db, REGISTER, [agent, second, null, hashOf("b")]);
      await client.query("commit");
      expect((await waiting.result).outcome).toBe(outcome);
    }
  });
});

describe("an agent's token", () => {
  test("is issued at registration and needed from the moment that it was shown", async () => {
    const email = await addOwner();
    await register("careful", email, undefined, "careful's token");
    expect(await beat(db, "careful")).toMatchObject({ outcome: "seen" });
    expect(await beat(db, "careful", { token: hashOf("careful's token") })).toMatchObject({ outcome: "seen" });
    expect(await agentRow("careful")).toMatchObject({ token_required: false, token_shown: true });
    expect(await beat(db, "careful")).toMatchObject({ outcome: "unauthorized" });
    expect(await beat(db, "careful", { token: hashOf("another") })).toMatchObject({ outcome: "unauthorized" });
  });

  test("is needed too once it was shown with a request for a task", async () => {
    const email = await addOwner();
    await register("hasty", email, undefined, "hasty's token");
    expect(await requestTask(db, "hasty", { token: hashOf("hasty's token") })).toMatchObject({ outcome: "nothing" });
    expect(await requestTask(db, "hasty")).toMatchObject({ outcome: "unauthorized" });
  });

  test("stays the same when the agent shows it at its next registration", async () => {
    const email = await addOwner();
    await register("keeper", email, undefined, "first");
    expect(await register("keeper", email, "first", "second")).toEqual({ outcome: "linked", token_issued: false });
    expect(await beat(db, "keeper", { token: hashOf("first") })).toMatchObject({ outcome: "seen" });
    expect(await beat(db, "keeper", { token: hashOf("second") })).toMatchObject({ outcome: "unauthorized" });
  });

  test("guards the id against registrations without it, and with a wrong one", async () => {
    const email = await addOwner();
    await register("guarded", email, undefined, "token");
    await register("guarded", email, "token");
    for (const shown of [undefined, "wrong", await issueToken("default")]) {
      expect(await register("guarded", email, shown)).toEqual({ outcome: "agent_conflict", token_issued: false });
    }
    await setOpen(false);
    expect(await register("guarded", email)).toMatchObject({ outcome: "agent_conflict" });
    expect(await register("guarded", email, "token")).toEqual({ outcome: "linked", token_issued: false });
    await openEnrollment(db);
  });
});

describe("a swarm token", () => {
  test("lets an agent register again whose own token was never shown: the reply that told it may be lost", async () => {
    const token = await issueToken("lost replies");
    const email = await addOwner();
    await register("unlucky", email, token, "lost");
    expect(await register("unlucky", email)).toMatchObject({ outcome: "agent_conflict" });
    expect(await register("unlucky", email, token, "second")).toEqual({ outcome: "linked", token_issued: true });
    expect(await beat(db, "unlucky", { token: hashOf("lost") })).toMatchObject({ outcome: "unauthorized" });
    expect(await beat(db, "unlucky", { token: hashOf("second") })).toMatchObject({ outcome: "seen" });
    expect(await register("unlucky", email, token, "third")).toMatchObject({ outcome: "agent_conflict" });
  });

  test("enrols where enrollment is not open, in its swarm, and the agent needs its own token at once", async () => {
    await setOpen(false);
    const token = await issueToken("north");
    const email = await addOwner();
    expect(await register("enrolled", email, token, "own")).toEqual({ outcome: "created", token_issued: true });
    const row = await agentRow("enrolled");
    expect(row.token_required).toBe(true);
    expect(await call(db, "(select name from corral.swarms where id = $1)", [row.swarm_id])).toBe("north");
    expect(await beat(db, "enrolled")).toMatchObject({ outcome: "unauthorized" });
    expect(await beat(db, "enrolled", { token: hashOf("own") })).toMatchObject({ outcome: "seen" });
    await openEnrollment(db);
  });

  test("is one of many for its swarm, and begins with its kind", async () => {
    const tokens = [await issueToken("many"), await issueToken("many")];
    expect(tokens[0]).not.toBe(tokens[1]);
    expect(tokens[0]).toMatch(/^corral_swarm_[0-9a-f]{64}$/);
    expect(await db.sql("select from corral.swarms where name = 'many'")).toHaveLength(1);
    expect(await db.sql("select from corral.tokens where encode(hash, 'escape') like 'corral%'")).toEqual([]);
  });

  test.each([
    ["unknown", "update corral.tokens set hash = 'x' where hash = decode($1, 'hex')"],
    ["expired", "update corral.tokens set expires_at = corral.now() where hash = decode($1, 'hex')"],
    ["revoked", "update corral.tokens set revoked_at = corral.now() where hash = decode($1, 'hex')"],
  ])("that is %s enrols nobody, even where enrollment is open", async (kind, spoil) => {
    const token = await issueToken("spoilt");
    await db.sql(spoil, [hashOf(token)]);
    expect(await register(`with-${kind}`, await addOwner(), token)).toEqual({
      outcome: "unauthorized",
      token_issued: false,
    });
  });

  test("that expires later still enrols", async () => {
    const token = await call<string>(db, "corral.issue_swarm_token('later', corral.now() + interval '1 hour')");
    expect(await register("in-time", await addOwner(), token)).toMatchObject({ outcome: "created" });
  });

  test("takes an agent that never needed a token into its protection, but not out of another swarm", async () => {
    const email = await addOwner();
    await register("moved", email);
    expect(await register("moved", email, await issueToken("elsewhere"))).toMatchObject({ outcome: "agent_conflict" });
    expect(await register("moved", email, await issueToken("default"), "own")).toEqual({
      outcome: "linked",
      token_issued: true,
    });
    expect(await beat(db, "moved")).toMatchObject({ outcome: "unauthorized" });
    expect(await beat(db, "moved", { token: hashOf("own") })).toMatchObject({ outcome: "seen" });
  });
});

describe("what an agent says of itself", () => {
  test("is kept, and changes when it registers again", async () => {
    const email = await addOwner();
    const say = (gpu: string, ram: number, interval: number) =>
      db.sql(
        "select public.register_agent('talker', $1, $2, $3, $4, p_heartbeat_interval_seconds => $5, p_new_token => $6)",
        [email, gpu, `${ram} GB`, ram, interval, hashOf("x")],
      );
    await say("RTX 4090", 64, 20);
    const before = await agentRow("talker");
    expect(before).toMatchObject({ gpu_model: "RTX 4090", ram_total: "64 GB", heartbeat_interval_seconds: 20 });
    await db.sql("update corral.agents set last_seen_at = '2020-01-01' where id = 'talker'");
    await say("H100", 80, 30);
    const after = await agentRow("talker");
    expect(after).toMatchObject({ gpu_model: "H100", ram_total: "80 GB", heartbeat_interval_seconds: 30 });
    expect(after.capability_id).not.toBe(before.capability_id);
    expect(after.last_seen_at).not.toEqual(new Date("2020-01-01"));
  });
});

describe("a swarm", () => {
  test("of a user goes with him, and its sequence with it: nobody inherits the right to give it work", async () => {
    const owner = await addUser(db);
    await db.sql("select corral.create_swarm('private', $1)", [owner]);
    const { turn } = firstOf(
      await db.sql<{ turn: string }>("select turn::text from corral.swarms where name = 'private'"),
    );
    const token = await issueToken("private");
    await register("guest", await addOwner(), token);
    await db.sql("delete from auth.users where id = $1", [owner]);
    expect(await db.sql("select from corral.swarms where name = 'private'")).toEqual([]);
    expect(await db.sql("select from corral.agents where id = 'guest'")).toEqual([]);
    expect(await call(db, "to_regclass($1)", [turn])).toBeNull();
  });

  test("has a name of its own", async () => {
    expect(await sqlstateOf(db.sql("select corral.create_swarm('default')"))).toBe("23505");
  });
});

describe("an agent that falls silent", () => {
  const show = async (agent: string) =>
    firstOf(await db.sql<{ status: string }>("select status from corral.agents_shown where id = $1", [agent])).status;

  test.each([
    ["thirty seconds", {}, 1, 30],
    ["three of its intervals where that is longer", { interval: 60 }, 1, 180],
    ["three times what it was last told to wait where that is longer", {}, 40, 120],
  ])("is shown OFFLINE after %s", async (_, wishes, told, seconds) => {
    const agent = await addAgent(db, wishes);
    await db.sql("update corral.agents set poll_after_seconds = $2, status = 'WORKING' where id = $1", [agent, told]);
    await silenceAgent(db, agent, seconds - 2);
    expect(await show(agent)).toBe("WORKING");
    await silenceAgent(db, agent, seconds + 2);
    expect(await show(agent)).toBe("OFFLINE");
    expect(await beat(db, agent, { status: "WORKING" })).toMatchObject({ outcome: "seen" });
    expect(await show(agent)).toBe("WORKING");
  });
});
