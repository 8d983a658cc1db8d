import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import {
  addDataAgent,
  addSyncedTable,
  addTable,
  admitAdmin,
  admitAgent,
  grantTable,
  publishSnapshot,
  sealAll,
  startRunningSync,
  submitQuery,
  syncTable,
} from "./data-scene.ts";
import { firstOf } from "./scene.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
  await db.sql("update corral.settings set snapshots_kept = 2");
});
afterAll(() => db.drop());

const cleanup = () => db.sql("select corral.cleanup_data()");
const versionsOf = async ({ id }: { id: string }) =>
  (await db.sql("select version from corral.snapshots where table_id = $1 order by id", [id])).map(
    ({ version }) => version,
  );
/** Syncs a table so many times; resolves to the versions. */
async function syncTimes(table: Parameters<typeof syncTable>[1], count: number, spec = {}) {
  const versions: (string | null)[] = [];
  for (let i = 0; i < count; i++) versions.push((await syncTable(db, table, spec)).version);
  return versions;
}
const ageSnapshots = ({ id }: { id: string }, days: number) =>
  db.sql("update corral.snapshots set created_at = corral.now() - make_interval(days => $2) where table_id = $1", [
    id,
    days,
  ]);

describe("snapshots", () => {
  test("are kept as many as the settings say, and all that are recent", async () => {
    const table = await addTable(db);
    const other = await addTable(db);
    const versions = await syncTimes(table, 4);
    await syncTimes(other, 2);
    await cleanup();
    expect(await versionsOf(table)).toEqual(versions);
    await ageSnapshots(table, 8);
    await ageSnapshots(other, 8);
    await cleanup();
    expect(await versionsOf(table)).toEqual(versions.slice(2));
    expect(await versionsOf(other)).toHaveLength(2);
  });

  test("are kept if they are named, or what readers get", async () => {
    const table = await addTable(db);
    const named = await syncTimes(table, 1, { strategy: "snapshot", name: "kept" });
    const [current] = await syncTimes(table, 1);
    const newer = await syncTimes(table, 3);
    await db.sql(
      "update corral.tables t set snapshot_id = s.id from corral.snapshots s where s.version = $1 and t.id = s.table_id",
      [current],
    );
    await ageSnapshots(table, 8);
    await cleanup();
    expect(await versionsOf(table)).toEqual([...named, current, ...newer.slice(1)]);
  });

  test("are kept while a query that may read them is under way", async () => {
    const agent = await addDataAgent(db);
    const table = await addTable(db);
    await grantTable(db, table, agent.swarm);
    const versions = await syncTimes(table, 1);
    const query = await submitQuery(db, agent);
    const newer = await syncTimes(table, 2);
    await ageSnapshots(table, 8);
    await cleanup();
    expect(await versionsOf(table)).toEqual([...versions, ...newer]);
    await db.sql("select public.cancel_query($1, $2)", [await admitAgent(db, agent), query]);
    await cleanup();
    expect(await versionsOf(table)).toEqual(newer);
  });
});

describe("the daily cleanup forgets", () => {
  test("queries a day after their end, and none that is under way", async () => {
    const agent = await addDataAgent(db);
    const [old, recent, live] = [
      await submitQuery(db, agent),
      await submitQuery(db, agent),
      await submitQuery(db, agent),
    ];
    const end = (id: string, hours: number) =>
      db.sql(
        "update corral.queries set state = 'cancelled', finished_at = corral.now() - make_interval(hours => $2) where id = $1",
        [id, hours],
      );
    await end(old, 25);
    await end(recent, 23);
    await db.sql("update corral.queries set created_at = corral.now() - interval '10 days' where id = $1", [live]);
    await cleanup();
    const left = await db.sql<{ id: string }>("select id from corral.queries where id = any ($1)", [
      [old, recent, live],
    ]);
    expect(left.map(({ id }) => id).toSorted()).toEqual([recent, live].toSorted());
    expect(await db.sql("select q from public.list_forgotten_queries($1) q", [[old, recent, live]])).toEqual([
      { q: old },
    ]);
  });

  test("artifacts that have expired, and those whose content never came", async () => {
    const agent = await addDataAgent(db);
    const create = async () =>
      firstOf(
        await db.sql('select artifact_id, object from public.create_artifact($1, \'{"name": "a"}\')', [
          await admitAgent(db, agent),
        ]),
      );
    const [old, kept, empty] = [await create(), await create(), await create()];
    await db.sql("update corral.artifacts set created_at = corral.now() - interval '25 hours' where id = $1", [
      empty.artifact_id,
    ]);
    await db.sql("update corral.artifacts set expires_at = corral.now() - interval '1 second' where id = $1", [
      old.artifact_id,
    ]);
    await cleanup();
    const objects = [old.object, kept.object, empty.object, "artifacts/1/stray"];
    const stray = await db.sql("select o from public.list_unreferenced_artifacts($1) o", [objects]);
    expect(stray.map(({ o }) => o).toSorted()).toEqual([old.object, empty.object, "artifacts/1/stray"].toSorted());
  });

  test("old syncs, but none whose snapshot is there and none that is under way", async () => {
    const table = await addSyncedTable(db);
    const cancelled = await startRunningSync(db, table);
    await db.sql("select * from public.cancel_sync($1, $2)", [await admitAdmin(db), cancelled.sync]);
    const recent = await startRunningSync(db, table);
    await db.sql("select * from public.cancel_sync($1, $2)", [await admitAdmin(db), recent.sync]);
    const live = await startRunningSync(db, table);
    await db.sql(
      "update corral.syncs set completed_at = completed_at - interval '31 days' where table_id = $1 and id <> $2",
      [table.id, recent.sync],
    );
    await cleanup();
    const left = await db.sql("select state from corral.syncs where table_id = $1 order by id", [table.id]);
    expect(left).toEqual([{ state: "completed" }, { state: "cancelled" }, { state: "running" }]);
    expect(await publishSnapshot(db, live)).toBe("published");
  });

  test("the allowances of yesterday, but those that tell when a token was last used", async () => {
    const agent = await addDataAgent(db);
    await admitAgent(db, agent);
    await db.sql(
      "insert into corral.allowances select 'token 0', calls_left, is_spent, at from corral.allowances limit 1",
    );
    await db.sql("update corral.allowances set at = at - interval '2 days'");
    await cleanup();
    const holders = (await db.sql("select holder from corral.allowances")).map(({ holder }) => holder);
    expect(holders).not.toContain("token 0");
    const { used } = firstOf(
      await db.sql(
        "select last_used_at < corral.now() - interval '1 day' as used from public.list_tokens($1) where agent = $2",
        [await admitAdmin(db), agent.agent],
      ),
    );
    expect(used).toBe(true);
  });

  test("the record past its retention", async () => {
    await db.sql("update corral.settings set audit_seal_seconds = 0");
    await sealAll(db);
    const before = firstOf(await db.sql("select max(id)::int as id from corral.audit_seals"));
    await admitAdmin(db);
    await db.sql("update corral.audit_seals set sealed_at = sealed_at - interval '1 year', anchored_at = corral.now()");
    await sealAll(db);
    await cleanup();
    expect(await db.sql("select id from public.list_seals()")).toEqual([{ id: String(Number(before.id) + 1) }]);
  });
});

describe("of what lies in the bucket", () => {
  test("a snapshot's folder is referred to by its row, and by the sync that may still write there", async () => {
    const table = await addSyncedTable(db);
    const { folder } = firstOf(await db.sql("select folder from corral.snapshots where table_id = $1", [table.id]));
    const { sync, task } = await startRunningSync(db, table);
    const earlier = String(task.folder).replace(/-1$/, "-0");
    const stray = `${table.schema}/${table.table}/999999999-1`;
    const nonsense = "no/folder of ours";
    const unreferenced = async () =>
      (
        await db.sql("select f from public.list_unreferenced_snapshots($1) f", [
          [folder, task.folder, earlier, stray, nonsense],
        ])
      )
        .map(({ f }) => String(f))
        .toSorted();
    expect(await unreferenced()).toEqual([stray, nonsense].toSorted());
    await db.sql("select * from public.cancel_sync($1, $2)", [await admitAdmin(db), sync]);
    expect(await unreferenced()).toEqual([String(task.folder), earlier, stray, nonsense].toSorted());
  });
});
