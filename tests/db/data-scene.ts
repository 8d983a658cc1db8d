import { randomUUID } from "node:crypto";
import type { Row, TestDatabase } from "../setup/database.ts";
import { hashOf } from "./fleet-scene.ts";
import { firstOf, runOf } from "./scene.ts";

/** A table as Snowflake knows it. */
export interface TableName {
  schema: string;
  table: string;
}

/** Who calls the data API: texts of tokens. */
export interface DataAgent {
  swarm: string;
  agent: string;
  swarmToken: string;
  agentToken: string;
}

/** The attempt of a run whose container is at work. */
export interface Attempt {
  run: string;
  attempt: number;
}

const unique = (prefix: string) => `${prefix}_${randomUUID().slice(0, 8)}`;

/** Asks for admission of a call; resolves to the answer. */
export async function admit(
  db: TestDatabase,
  {
    swarmToken,
    agentToken,
    user,
    isAdmin = false,
    isAdminOnly = false,
    isPublic = false,
    path = "/data/tables",
    request = "req",
  }: {
    swarmToken?: string;
    agentToken?: string;
    user?: string;
    isAdmin?: boolean;
    isAdminOnly?: boolean;
    isPublic?: boolean;
    path?: string;
    request?: string;
  } = {},
): Promise<Row & { call_id: string }> {
  return firstOf(
    await db.sql<Row & { call_id: string }>("select * from public.admit_call('GET', $1, $2, $3, $4, $5, $6, $7, $8)", [
      path,
      request,
      isAdminOnly,
      swarmToken && hashOf(swarmToken),
      agentToken && hashOf(agentToken),
      user,
      isAdmin,
      isPublic,
    ]),
  );
}

/** A call of an admin that was let in; resolves to its id. */
export async function admitAdmin(db: TestDatabase): Promise<string> {
  return (await admit(db, { isAdmin: true, user: randomUUID() })).call_id;
}

/** A call of an agent that was let in; resolves to its id. */
export async function admitAgent(db: TestDatabase, agent: DataAgent, path?: string): Promise<string> {
  const { outcome, call_id } = await admit(db, { ...agent, ...(path === undefined ? {} : { path }) });
  if (outcome !== "admitted") throw new Error(`The call was not let in: ${outcome}`);
  return call_id;
}

/** Makes a token, as an admin does; resolves to its text and its row. */
export async function createToken(db: TestDatabase, type: "swarm" | "agent", options: Row = {}) {
  const text = `corral_${type}_${randomUUID()}`;
  const row = firstOf(
    await db.sql("select * from public.create_token($1, $2, $3, $4)", [
      await admitAdmin(db),
      type,
      hashOf(text),
      JSON.stringify(options),
    ]),
  );
  return { text, row };
}

/** Makes an agent with its tokens, in a swarm of its own unless told otherwise; by no function that is tested here. */
export async function addDataAgent(
  db: TestDatabase,
  { swarm = unique("swarm"), limits = {} }: { swarm?: string; limits?: Row } = {},
): Promise<DataAgent> {
  const one = { swarm, agent: unique("agent"), swarmToken: unique("swarm_token"), agentToken: unique("agent_token") };
  const sequence = unique("corral.turn");
  await db.sql(`create sequence ${sequence} minvalue 0 start 0 cycle`);
  await db.sql("insert into corral.swarms (name, turn) values ($1, $2::regclass) on conflict (name) do nothing", [
    swarm,
    sequence,
  ]);
  await db.sql(
    `insert into corral.tokens (swarm_id, type, hash, agent, limits)
     select s.id, t.type::corral.token_type, decode(t.hash, 'hex'), t.agent, t.limits
       from corral.swarms s,
            (values ('swarm', $2, null, '{}'::jsonb), ('agent', $3, $4, $5::jsonb)) t (type, hash, agent, limits)
      where s.name = $1`,
    [swarm, hashOf(one.swarmToken), hashOf(one.agentToken), one.agent, JSON.stringify(limits)],
  );
  return one;
}

/** Claims and starts the newest run about something, as dispatch and its container do. */
export async function startRunOf(db: TestDatabase, subject: string): Promise<Attempt> {
  const { id: run } = await runOf(db, subject);
  const { attempt } = firstOf(await db.sql<{ attempt: number }>("select * from public.claim_run($1)", [run]));
  await db.sql("select * from public.start_run($1, $2, $3)", [run, attempt, `execution-${run}`]);
  return { run, attempt };
}

/** Plays Snowflake's catalogue: a schema has exactly these tables, and no other has its name in another case. */
export const showSource = (db: TestDatabase, schema: string, tables: string[]) => showSources(db, { [schema]: tables });

/** The same of all schemas that have a name in any case. */
export async function showSources(db: TestDatabase, schemas: Record<string, string[]>): Promise<void> {
  const name = firstOf(Object.keys(schemas)).toUpperCase();
  await db.sql("select corral.enqueue_run('snowflake-catalog', $1)", [name]);
  const { run, attempt } = await startRunOf(db, name);
  const shown = Object.entries(schemas).map(([schema_name, tables]) => ({
    schema_name,
    tables: tables.map((table_name) => ({ table_name, row_count: 3, size_bytes: 4096 })),
  }));
  await db.sql("select public.publish_catalog($1, $2, $3)", [run, attempt, JSON.stringify(shown)]);
}

/** Registers a table that Snowflake has. */
export async function addTable(
  db: TestDatabase,
  { schema = unique("S").toUpperCase(), table = unique("T").toUpperCase(), ...options }: Partial<TableName> & Row = {},
): Promise<TableName & { id: string }> {
  await showSource(db, schema, [table]);
  const { table_id: id } = firstOf(
    await db.sql<{ table_id: string }>("select * from public.register_table($1, $2, $3, $4)", [
      await admitAdmin(db),
      schema,
      table,
      JSON.stringify(options),
    ]),
  );
  return { id, schema, table };
}

export const COLUMNS = [
  { name: "ID", type: "BIGINT", source_type: "NUMBER(38,0)", nullable: false },
  { name: "NAME", type: "VARCHAR", source_type: "VARCHAR", nullable: true },
];
export const SNAPSHOT = {
  columns: COLUMNS,
  row_count: 3,
  size_bytes: 4096,
  moment: "2026-11-21T12:00:00Z",
  fixed_moment: true,
  watermark: "42",
  stats: { rows_read: 3 },
  certificate: { agrees: true },
};

export interface Sync extends Row {
  sync_id: string;
  status: string;
  run_id: string;
  version: string | null;
}

/** Starts a sync, as an admin does. */
export async function startSync(db: TestDatabase, { schema, table }: TableName, spec: Row = {}): Promise<Sync> {
  return firstOf(
    await db.sql<Sync>("select (s.sync).* from public.start_sync($1, $2, $3, $4) s", [
      await admitAdmin(db),
      schema,
      table,
      JSON.stringify({ strategy: "full", ...spec }),
    ]),
  );
}

/** Starts a sync whose container is at work. */
export async function startRunningSync(db: TestDatabase, table: TableName, spec: Row = {}) {
  const sync = await startSync(db, table, spec);
  const attempt = await startRunOf(db, sync.sync_id);
  const task = firstOf(await db.sql("select * from public.get_sync_task($1, $2)", [attempt.run, attempt.attempt]));
  return { sync: sync.sync_id, ...attempt, task };
}

export const PUBLISH_SNAPSHOT = "select public.publish_snapshot($1, $2, $3) as outcome";

/** Publishes a snapshot; resolves to the outcome. */
export async function publishSnapshot(db: TestDatabase, { run, attempt }: Attempt, snapshot: Row = {}) {
  const { outcome } = firstOf(
    await db.sql(PUBLISH_SNAPSHOT, [run, attempt, JSON.stringify({ ...SNAPSHOT, ...snapshot })]),
  );
  return outcome;
}

/** Syncs a table from start to end; resolves to the sync. */
export async function syncTable(db: TestDatabase, table: TableName, spec: Row = {}, snapshot: Row = {}): Promise<Sync> {
  const { sync, ...attempt } = await startRunningSync(db, table, spec);
  await publishSnapshot(db, attempt, snapshot);
  return syncOf(db, sync);
}

/** A sync as admins see it. */
export async function syncOf(db: TestDatabase, sync: unknown): Promise<Sync> {
  return firstOf(await db.sql<Sync>("select * from public.get_sync($1, $2)", [await admitAdmin(db), sync]));
}

/** Adds a table with a snapshot, granted to a swarm if there is one. */
export async function addSyncedTable(
  db: TestDatabase,
  {
    swarm,
    hidden = [],
    masked = [],
    columns = COLUMNS,
    ...wishes
  }: Partial<TableName> & {
    swarm?: string;
    hidden?: string[];
    masked?: string[];
    columns?: Row[];
  } & Row = {},
) {
  const table = await addTable(db, wishes);
  const { version } = await syncTable(db, table, {}, { columns });
  if (swarm !== undefined) await grantTable(db, table, swarm, hidden, masked);
  return { ...table, version };
}

/** Grants a table, as an admin does. */
export async function grantTable(
  db: TestDatabase,
  { schema, table }: TableName,
  swarm: string,
  hidden: string[] | null = [],
  masked: string[] | null = [],
): Promise<Row> {
  return firstOf(
    await db.sql("select * from public.grant_table($1, $2, $3, $4, $5, $6)", [
      await admitAdmin(db),
      schema,
      table,
      swarm,
      hidden,
      masked,
    ]),
  );
}

/** Reads about a table, as an agent's call does; rejects with the SQLSTATE of a refusal. */
export async function readDataTable(
  db: TestDatabase,
  call: string,
  { schema = null, table }: { schema?: string | null; table: string },
): Promise<Row & { variant: string | null }> {
  const { refusal, message, ...sight } = firstOf(
    await db.sql<Row & { refusal: string | null; message: string; variant: string | null }>(
      "select t.refusal, t.message, (t.sight).* from public.get_data_table($1, $2, $3) t",
      [call, table, schema],
    ),
  );
  if (refusal !== null) throw Object.assign(new Error(message), { code: refusal });
  return sight;
}

/** Queues a query; resolves to its id. */
export async function submitQuery(db: TestDatabase, agent: DataAgent, query: Row = {}): Promise<string> {
  const { query_id } = firstOf(
    await db.sql<{ query_id: string }>("select * from public.submit_query($1, $2)", [
      await admitAgent(db, agent, "/queries/execute"),
      JSON.stringify({ sql: "select 1", output_format: "json", ...query }),
    ]),
  );
  return query_id;
}

/** A query's row. */
export async function queryOf(db: TestDatabase, query: string): Promise<Row> {
  return firstOf(await db.sql("select * from corral.queries where id = $1", [query]));
}

/** Starts a query runner, beside those that there are. */
export async function startRunner(db: TestDatabase): Promise<Attempt> {
  const name = unique("runner");
  await db.sql("select corral.enqueue_run('query', $1)", [name]);
  return startRunOf(db, name);
}

/** What a runner gets that claims; ids only. */
export async function claimQueries(db: TestDatabase, { run, attempt }: Attempt, limit = 10): Promise<string[]> {
  const rows = await db.sql<{ query_id: string }>("select * from public.claim_queries($1, $2, $3)", [
    run,
    attempt,
    limit,
  ]);
  return rows.map(({ query_id }) => query_id);
}

/** What a runner says of a query that it has answered. */
export const RESULT = {
  columns: [{ name: "ID", type: "BIGINT" }],
  preview: [[1]],
  is_cut: false,
  row_count: 1,
  result_object: "results/x.json",
  result_bytes: 10,
  receipt: { sql_hash: "abc", snapshots: [], row_count: 1, result_hash: "def", seconds: 0.01 },
  stats: { seconds: 0.01 },
};

/** Kills a container: its run's lease ends, and the sweep notices. */
export async function killContainer(db: TestDatabase, { run }: Attempt): Promise<void> {
  await db.sql("update corral.runs set lease_expires_at = corral.now() - interval '1 second' where id = $1", [run]);
  await db.sql("select * from corral.sweep()");
}

/** The details that a call has on record. */
export async function detailsOf(db: TestDatabase, call: string): Promise<Row[]> {
  const rows = await db.sql<{ details: Row }>(
    "select details from corral.audit where call_id = $1 and event = 'detail' order by id",
    [call],
  );
  return rows.map(({ details }) => details);
}

/**
 * Seals the record until nothing is left; resolves to how many rows each seal is over. It asks again for what it does
 * not get, since a transaction in any database of the cluster holds up what came after it.
 */
export async function sealAll(db: TestDatabase): Promise<number[]> {
  const sealed: number[] = [];
  for (;;) {
    const { left } = firstOf(
      await db.sql<{ left: boolean }>(
        `select exists (select from corral.audit
                         where transaction_id >= coalesce((select max(to_transaction) from corral.audit_seals), '0')) as left`,
      ),
    );
    if (!left) return sealed;
    const { count } = firstOf(await db.sql<{ count: number }>("select corral.seal_audit() as count"));
    if (count > 0) sealed.push(count);
  }
}
