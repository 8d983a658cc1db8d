import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import { addDataAgent, admitAdmin, admitAgent, type DataAgent, detailsOf } from "./data-scene.ts";
import { firstOf, secondsBetween, sqlstateOf } from "./scene.ts";

const DAY = 86_400;

interface Artifact extends Row {
  artifact_id: string;
  created_at: Date;
  expires_at: Date;
}

let db: TestDatabase;
let agent: DataAgent;
beforeAll(async () => {
  db = await cloneDatabase();
  agent = await addDataAgent(db);
});
afterAll(() => db.drop());

const create = async (artifact: Row = {}, by = agent) =>
  firstOf(
    await db.sql<Artifact>("select * from public.create_artifact($1, $2)", [
      await admitAgent(db, by),
      JSON.stringify({ name: "model", ...artifact }),
    ]),
  );
const ask = async (expression: string, params: unknown[], by = agent) =>
  firstOf(await db.sql<Artifact>(`select * from public.${expression}`, [await admitAgent(db, by), ...params]));
const get = (id: string, by = agent) => ask("get_artifact($1, $2)", [id], by);
const update = (id: string, changes: Row) => ask("update_artifact($1, $2, $3)", [id, JSON.stringify(changes)]);
const list = async (filter: Row = {}, by = agent) =>
  db.sql<Artifact>("select * from public.list_artifacts($1, $2)", [await admitAgent(db, by), JSON.stringify(filter)]);
const namesOf = async (filter?: Row, by?: DataAgent) => (await list(filter, by)).map(({ name }) => name);
const rowOf = async (id: string) =>
  firstOf(await db.sql<Artifact>("select * from corral.artifacts where id = $1", [id]));
const age = (id: string, days: number) =>
  db.sql("update corral.artifacts set expires_at = expires_at - make_interval(days => $2) where id = $1", [id, days]);

describe("an artifact", () => {
  test("belongs to its agent's swarm, waits for its content, and is kept ten days", async () => {
    const call = await admitAgent(db, agent);
    const row = firstOf(
      await db.sql<Artifact>('select * from public.create_artifact($1, \'{"name": "model"}\')', [call]),
    );
    const { swarm_id } = await rowOf(row.artifact_id);
    expect(row).toEqual({
      artifact_id: expect.any(String),
      name: "model",
      type: "other",
      format: "binary",
      size_bytes: null,
      created_at: expect.any(Date),
      expires_at: expect.any(Date),
      metadata: {},
      tags: [],
      swarm: agent.swarm,
      agent: agent.agent,
      state: "pending",
      object: `artifacts/${swarm_id}/${row.artifact_id}`,
      crc32c: null,
    });
    expect(secondsBetween(row.created_at, row.expires_at)).toBe(10 * DAY);
    expect(await detailsOf(db, call)).toEqual([{ artifact_id: row.artifact_id, artifact: "model" }]);
  });

  test("carries all that it was made with", async () => {
    const wishes = { type: "report", format: "csv", size_bytes: 7, metadata: { a: 1 }, tags: ["x", "y"] };
    const row = await create({ ...wishes, expiry_days: 3 });
    expect(row).toMatchObject({ ...wishes, size_bytes: "7" });
    expect(secondsBetween(row.created_at, row.expires_at)).toBe(3 * DAY);
    expect(await create({ metadata: null, tags: null })).toMatchObject({ metadata: {}, tags: [] });
  });

  test("of an admin belongs to the swarm default", async () => {
    const rows = await db.sql('select * from public.create_artifact($1, \'{"name": "theirs"}\')', [
      await admitAdmin(db),
    ]);
    expect(rows).toMatchObject([{ swarm: "default", agent: null }]);
  });

  test.each([[{ expiry_days: 0 }], [{ expiry_days: 366 }], [{ name: "" }], [{ name: "n".repeat(256) }]])(
    "is not made with %j",
    async (wishes) => {
      expect(await sqlstateOf(create(wishes))).toBe("23514");
    },
  );

  test("is ready once its content is in the bucket", async () => {
    const { artifact_id: id } = await create();
    expect(await ask("complete_artifact($1, $2, 12, 'abc=')", [id])).toMatchObject({
      state: "ready",
      size_bytes: "12",
      crc32c: "abc=",
    });
    expect(await get(id)).toMatchObject({ state: "ready", size_bytes: "12" });
  });

  test("is changed in what is named", async () => {
    const { artifact_id: id } = await create({ type: "data", metadata: { a: 1 }, tags: ["x"] });
    expect(await update(id, { name: "better" })).toMatchObject({
      name: "better",
      type: "data",
      metadata: { a: 1 },
      tags: ["x"],
    });
    expect(await update(id, { type: "model", metadata: { b: 2 } })).toMatchObject({
      type: "model",
      metadata: { b: 2 },
    });
    expect(await update(id, { tags: [] })).toMatchObject({ tags: [] });
    expect(await update(id, { name: null, metadata: null, tags: null })).toMatchObject({
      name: "better",
      metadata: { b: 2 },
      tags: [],
    });
  });

  test("has on record what was changed of it, and how long it was extended", async () => {
    const { artifact_id } = await create({ name: "old" });
    const record = async (expression: string, params: unknown[]) => {
      const call = await admitAgent(db, agent);
      await db.sql(`select public.${expression}`, [call, artifact_id, ...params]);
      return detailsOf(db, call);
    };
    const changes = { name: "new", tags: ["x"] };
    expect(await record("update_artifact($1, $2, $3)", [JSON.stringify(changes)])).toEqual([
      { artifact_id, artifact: "old", changes },
    ]);
    expect(await record("extend_artifact($1, $2, $3)", [30])).toEqual([
      { artifact_id, artifact: "new", expiry_days: 30 },
    ]);
  });

  test("is forgotten at once when it is deleted", async () => {
    const { artifact_id: id } = await create();
    expect(await ask("delete_artifact($1, $2)", [id])).toMatchObject({ artifact_id: id });
    expect(await sqlstateOf(get(id))).toBe("ZC141");
    expect(await sqlstateOf(ask("delete_artifact($1, $2)", [id]))).toBe("ZC141");
  });

  test("is touched on record", async () => {
    const { artifact_id: id } = await create({ name: "touched" });
    const call = await admitAgent(db, agent);
    await db.sql("select public.get_artifact($1, $2)", [call, id]);
    expect(await detailsOf(db, call)).toEqual([{ artifact_id: id, artifact: "touched" }]);
  });
});

describe("an artifact's time", () => {
  test.each([
    ["read", (id: string) => get(id)],
    ["changed", (id: string) => update(id, { name: "new" })],
  ])("begins anew when it is %s", async (_, touch) => {
    const { artifact_id: id } = await create({ expiry_days: 4 });
    await age(id, 3);
    const before = await rowOf(id);
    const after = await touch(id);
    expect(secondsBetween(before.expires_at, after.expires_at)).toBeCloseTo(3 * DAY, -2);
    expect((await rowOf(id)).expires_at).toEqual(after.expires_at);
  });

  test("is not shortened by an access", async () => {
    const { artifact_id: id } = await create({ expiry_days: 4 });
    await age(id, -3);
    const { expires_at } = await rowOf(id);
    expect((await get(id)).expires_at).toEqual(expires_at);
    expect((await update(id, { name: "new" })).expires_at).toEqual(expires_at);
    expect((await ask("extend_artifact($1, $2, 1)", [id])).expires_at).toEqual(expires_at);
  });

  test("is extended, from each access on too", async () => {
    const { artifact_id: id, created_at } = await create({ expiry_days: 1 });
    const { expires_at } = await ask("extend_artifact($1, $2, 100)", [id]);
    expect(secondsBetween(created_at, expires_at)).toBeCloseTo(100 * DAY, -2);
    await age(id, 50);
    expect(secondsBetween(created_at, (await get(id)).expires_at)).toBeCloseTo(100 * DAY, -2);
    expect(await sqlstateOf(ask("extend_artifact($1, $2, 366)", [id]))).toBe("23514");
  });

  test("once over hides it from everything, before the cleanup comes", async () => {
    const one = await addDataAgent(db);
    const { artifact_id: id } = await create({ expiry_days: 1 }, one);
    await age(id, 1);
    expect(await list({}, one)).toEqual([]);
    expect(await sqlstateOf(get(id, one))).toBe("ZC141");
    expect(await sqlstateOf(ask("extend_artifact($1, $2, 5)", [id], one))).toBe("ZC141");
    await db.sql("select corral.cleanup_data()");
    expect(await db.sql("select from corral.artifacts where id = $1", [id])).toEqual([]);
  });
});

describe("the artifacts of a swarm", () => {
  test("are shared among its agents, and nobody else's", async () => {
    const one = await addDataAgent(db);
    const two = { ...(await addDataAgent(db, { swarm: one.swarm })), swarmToken: one.swarmToken };
    const { artifact_id: id } = await create({ name: "shared" }, one);
    expect(await get(id, two)).toMatchObject({ name: "shared", agent: one.agent });
    expect(await namesOf({}, two)).toEqual(["shared"]);
    const stranger = await addDataAgent(db);
    expect(await sqlstateOf(get(id, stranger))).toBe("ZC141");
    expect(await sqlstateOf(get(randomUUID(), one))).toBe("ZC141");
    expect(await namesOf({}, stranger)).toEqual([]);
    const admin = await admitAdmin(db);
    expect(await db.sql("select name from public.get_artifact($1, $2)", [admin, id])).toEqual([{ name: "shared" }]);
    const all = await db.sql("select name from public.list_artifacts($1)", [admin]);
    expect(all).toContainEqual({ name: "shared" });
  });

  test("are listed newest first, by type, format and tags, page after page", async () => {
    const one = await addDataAgent(db);
    const wishes = [
      { name: "a", type: "data", format: "csv", tags: ["x", "y"] },
      { name: "b", type: "data", format: "json", tags: ["x"] },
      { name: "c", type: "model", format: "json" },
    ];
    const ids: string[] = [];
    for (const wish of wishes) ids.push((await create(wish, one)).artifact_id);
    expect(await namesOf({}, one)).toEqual(["c", "b", "a"]);
    expect(await namesOf({ type: "data" }, one)).toEqual(["b", "a"]);
    expect(await namesOf({ format: "json" }, one)).toEqual(["c", "b"]);
    expect(await namesOf({ tags: ["x"] }, one)).toEqual(["b", "a"]);
    expect(await namesOf({ tags: ["y", "x"] }, one)).toEqual(["a"]);
    expect(await namesOf({ tags: null, type: "data", format: "csv" }, one)).toEqual(["a"]);
    expect(await namesOf({ limit: 2 }, one)).toEqual(["c", "b"]);
    expect(await namesOf({ before: ids[1] }, one)).toEqual(["a"]);
    expect(await namesOf({ before: randomUUID() }, one)).toEqual([]);
    const admin = await admitAdmin(db);
    const older = await db.sql(
      "select name from public.list_artifacts($1, jsonb_build_object('before', $2::text, 'limit', 1))",
      [admin, ids[2]],
    );
    expect(older).toEqual([{ name: "b" }]);
  });

  test("made in one transaction are told apart", async () => {
    const one = await addDataAgent(db);
    const call = await admitAgent(db, one);
    await db.sql(
      `select public.create_artifact($1, jsonb_build_object('name', n::text)) from generate_series(1, 4) n`,
      [call],
    );
    const all = await list({}, one);
    const page = await list({ limit: 2 }, one);
    const rest = await list({ before: page[1]?.artifact_id }, one);
    expect([...page, ...rest].map(({ artifact_id }) => artifact_id)).toEqual(all.map(({ artifact_id }) => artifact_id));
    expect(all).toHaveLength(4);
  });
});
