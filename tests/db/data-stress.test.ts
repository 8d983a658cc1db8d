import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import {
  addDataAgent,
  addTable,
  admitAdmin,
  admitAgent,
  RESULT,
  SNAPSHOT,
  sealAll,
  type TableName,
} from "./data-scene.ts";
import { sqlstateOf } from "./scene.ts";

const CLIENTS = 6;
const STEPS = 100;
const SEED = 20_261_122;

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
});
afterAll(() => db.drop());

/** Numbers below a bound, the same in every run. */
function makeRandom(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

test("whatever admins, agents, containers and sweeps do at once, nobody locks another out, and all rules hold", async () => {
  const tables: TableName[] = [await addTable(db), await addTable(db)];
  const agent = await addDataAgent(db);
  const calls = { admin: await admitAdmin(db), agent: await admitAgent(db, agent) };
  await db.sql("update corral.settings set concurrent_queries = 4, retry_base_seconds = 1, audit_seal_seconds = 0");

  const newest = (kind: string) => `(select max(id) from corral.runs where kind = '${kind}')`;
  const attempt = (kind: string) => `${newest(kind)}, (select attempt from corral.runs where id = ${newest(kind)})`;
  const anyQuery = "(select id from corral.queries order by md5(id::text || clock_timestamp()::text) limit 1)";
  const liveSync = "(select max(id) from corral.syncs where completed_at is null)";
  const table = "$2, $3";
  const sync = attempt("snowflake-to-duckdb");
  const runner = attempt("query");
  const startSync = `select public.start_sync($1, ${table}, '{"strategy": "full"}')`;
  const submit = `select public.submit_query($4, '{"sql": "select 1"}')`;
  const relist = "update corral.tables set is_active = true where schema_name = $2 and table_name = $3";
  const launchSync = [
    `select public.claim_run(${newest("snowflake-to-duckdb")})`,
    `select public.start_run(${sync}, 'execution')`,
    `select * from public.get_sync_task(${sync})`,
  ];
  const launchRunner = [
    `select public.claim_run(${newest("query")})`,
    `select public.start_run(${runner}, 'execution')`,
  ];
  const claim = `select public.claim_queries(${runner}, 2)`;
  /** What somebody does without a pause. */
  const deeds: string[][] = [
    [startSync, ...launchSync],
    [relist, startSync],
    [...launchSync, `select public.publish_snapshot(${sync}, '${JSON.stringify(SNAPSHOT)}')`],
    [`select public.publish_snapshot(${sync}, '${JSON.stringify(SNAPSHOT)}')`],
    [`select public.fail_run(${sync}, 'snowflake_error', 'Broken', true)`],
    [`select public.cancel_sync($1, ${liveSync})`],
    [`select public.unregister_table($1, ${table})`, relist],
    [relist, `select public.set_schedule($1, ${table}, '0 3 * * *')`],
    ["select corral.start_scheduled_sync(id) from corral.tables where schema_name = $2 and table_name = $3"],
    [`select public.grant_table($1, ${table}, '${agent.swarm}')`],
    [submit],
    [submit, ...launchRunner, claim],
    [submit, `select public.cancel_query($4, ${anyQuery})`],
    [claim, `select public.complete_query(${runner}, ${anyQuery}, '${JSON.stringify(RESULT)}')`],
    [`select public.return_queries(${runner}, array[${anyQuery}])`, `select public.leave_queue(${runner})`],
    ["update corral.runs set run_after = corral.now() where state = 'queued'"],
    [
      "update corral.runs set lease_expires_at = corral.now() - interval '1 second' where state in ('launching', 'running')",
      "select corral.sweep()",
    ],
    ["select corral.sweep_queries(), corral.seal_audit()"],
    ["select corral.cleanup_data()"],
  ];
  const expected = new Set(["ZC111", "ZC121", "ZC122", "ZC123", "ZC131", "ZC132", "ZC133"]);
  const surprises: string[] = [];
  const work = async (client: pg.Client, random: (bound: number) => number) => {
    for (let step = 0; step < STEPS; step++) {
      const { schema, table: name } = tables[random(tables.length)] ?? { schema: "", table: "" };
      const values = [calls.admin, schema, name, calls.agent];
      for (const statement of deeds[random(deeds.length)] ?? []) {
        const used = [...new Set([...statement.matchAll(/\$(\d)/g)].map((match) => Number(match[1])))].sort();
        const text = used.reduce((sql, number, index) => sql.replaceAll(`$${number}`, `$${index + 1}`), statement);
        const code = await sqlstateOf(
          client.query(
            text,
            used.map((number) => values[number - 1]),
          ),
        );
        if (code !== undefined && !expected.has(code)) surprises.push(`${code}: ${statement}`);
      }
    }
  };
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => db.connect()));
  await Promise.all(clients.map((client, index) => work(client, makeRandom(SEED + index))));
  expect(surprises).toEqual([]);

  const broken = await db.sql(
    `select 'a live sync without a live run' as rule, s.id::text from corral.syncs s
      where s.completed_at is null and not exists (
        select from corral.runs r where r.id = s.run_id and r.finished_at is null)
     union all
     select 'a live run without a live sync', r.id::text from corral.runs r
      where r.kind = 'snowflake-to-duckdb' and r.finished_at is null and not exists (
        select from corral.syncs s where s.run_id = r.id and s.completed_at is null)
     union all
     select 'a snapshot of a sync that did not complete', p.id::text from corral.snapshots p
       join corral.syncs s on s.id = p.sync_id where s.state <> 'completed'
     union all
     select 'a pointer that is not to the newest snapshot', t.id::text from corral.tables t
      where t.snapshot_id is distinct from (select max(p.id) from corral.snapshots p where p.table_id = t.id)
     union all
     select 'a schedule without a job, or a job without a schedule', t.id::text from corral.tables t
      where (t.schedule is not null) <> exists (select from cron.job where jobname = 'corral-sync-' || t.id)
     union all
     select 'a query that waits for nobody', q.id::text from corral.queries q
      where q.state = 'pending' and not exists (
        select from corral.runs r where r.kind = 'query' and r.finished_at is null)`,
  );
  expect(broken).toEqual([]);
  expect((await db.sql("select from corral.snapshots")).length).toBeGreaterThan(0);
  expect((await db.sql("select from corral.queries where attempt > 0")).length).toBeGreaterThan(0);
  await sealAll(db);
});
