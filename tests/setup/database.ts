import { randomBytes } from "node:crypto";
import pg from "pg";
import { inject } from "vitest";
import { withDatabase } from "../../local/postgres/postgres-urls.ts";

export type Role = "anon" | "authenticated" | "service_role";
export type Row = Record<string, unknown>;

export interface TestDatabase {
  name: string;
  /** As role `postgres`, which owns the migrations. */
  url: string;
  /** As the superuser. */
  adminUrl: string;
  /** As role `authenticator`. */
  authenticatorUrl: string;
  /** Runs one statement as role `postgres`, on any free connection. */
  sql<T extends pg.QueryResultRow = Row>(text: string, params?: unknown[]): Promise<T[]>;
  /** Runs one statement as a request of that role with those claims would, in a transaction of its own. */
  as<T extends pg.QueryResultRow = Row>(role: Role, claims: Row, text: string, params?: unknown[]): Promise<T[]>;
  /** Opens a connection of its own as role `postgres`, for tests of concurrency; ended with the database. */
  connect(url?: string): Promise<pg.Client>;
  /** Sets what `corral.now()` answers on connections opened from now on: a time, or an interval like `+10 minutes`. */
  setNow(setting: string): Promise<void>;
  drop(): Promise<void>;
}

/** Makes a database of its own for a test file: hosted roles and schemas, migrated, empty. */
export async function cloneDatabase(): Promise<TestDatabase> {
  const server = inject("postgres");
  const name = `test_${randomBytes(6).toString("hex")}`;
  await execute(server.adminUrl, `create database ${name} template ${server.template} owner postgres`);
  const url = withDatabase(server.url, name);
  const adminUrl = withDatabase(server.adminUrl, name);
  await execute(adminUrl, ADOPT_JOBS);
  const authenticatorUrl = withDatabase(server.authenticatorUrl, name);
  const pools = { owner: openPool(url), requests: openPool(authenticatorUrl) };
  const clients: pg.Client[] = [];

  return {
    name,
    url,
    adminUrl,
    authenticatorUrl,
    sql: async <T extends pg.QueryResultRow>(text: string, params: unknown[] = []) =>
      (await pools.owner.query<T>(text, params)).rows,
    as: <T extends pg.QueryResultRow>(role: Role, claims: Row, text: string, params: unknown[] = []) =>
      runAs<T>(pools.requests, role, claims, text, params),
    connect: async (connectionString = url) => {
      const client = new pg.Client({ connectionString });
      // Dropping the database ends what a test has left open.
      client.on("error", () => undefined);
      await client.connect();
      clients.push(client);
      return client;
    },
    setNow: async (setting) => {
      await execute(adminUrl, `alter database ${name} set corral.test_now = ${pg.escapeLiteral(setting)}`);
      await pools.owner.end();
      await pools.requests.end();
      Object.assign(pools, { owner: openPool(url), requests: openPool(authenticatorUrl) });
    },
    drop: async () => {
      await Promise.all([pools.owner.end(), pools.requests.end(), ...clients.map((client) => client.end())]);
      await execute(server.adminUrl, `drop database ${name} with (force)`);
    },
  };
}

/** pg_cron's jobs name their database, which is the template's when they are cloned. */
const ADOPT_JOBS = `
do $$ begin
  if to_regclass('cron.job') is not null then
    update cron.job set database = current_database();
  end if;
end $$`;

/** What PostgREST sets for a request: the role, its settings and the claims. */
const BECOME = `
select set_config('role', $1, true), set_config('request.jwt.claims', $2, true),
       (select count(set_config(split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1), true))
          from pg_roles, unnest(rolconfig) setting where rolname = $1)`;

async function runAs<T extends pg.QueryResultRow>(
  pool: pg.Pool,
  role: Role,
  claims: Row,
  text: string,
  params: unknown[],
): Promise<T[]> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    await client.query(BECOME, [role, JSON.stringify({ role, ...claims })]);
    const { rows } = await client.query<T>(text, params);
    await client.query("commit");
    return rows;
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
}

function openPool(connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString, max: 4 });
  pool.on("error", () => undefined);
  return pool;
}

async function execute(connectionString: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
