import pg from "pg";
import { applyMigrations } from "../../local/postgres/migrate.ts";
import { withDatabase } from "../../local/postgres/postgres-urls.ts";
import { startThrowAwayPostgres } from "../../local/postgres/start-throw-away-postgres.ts";

/** One Postgres server, on which every contender has a database of its own. */
export interface Arena {
  /** Makes a database, empty or with our migrations; resolves to a superuser's URL. */
  createDatabase(name: string, contents: "empty" | "ours"): Promise<string>;
  /** Which settings decide what a commit costs. */
  describe(): Promise<string>;
  close(): Promise<void>;
}

export async function startArena(): Promise<Arena> {
  const postgres = await startThrowAwayPostgres();
  try {
    await applyMigrations(postgres.url);
    // Not the database that is copied: nobody may be connected to that.
    const admin = await connect(withDatabase(postgres.adminUrl, "template1"));
    return {
      async createDatabase(name, contents) {
        await admin.query(`create database ${name} template ${contents === "ours" ? "postgres" : "template0"}`);
        return withDatabase(postgres.adminUrl, name);
      },
      async describe() {
        const { rows } = await admin.query<{ text: string }>(
          `select string_agg(name || ' ' || setting || coalesce(' × ' || unit, ''), ', ' order by name) as text
             from pg_settings where name in ('fsync', 'synchronous_commit', 'shared_buffers', 'server_version')`,
        );
        return `Postgres: ${rows[0]?.text}`;
      },
      async close() {
        await admin.end();
        await postgres.stop();
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

export async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  // The server may stop first when a bench has failed; what failed says more than that.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

export async function connectMany(connectionString: string, count: number): Promise<pg.Client[]> {
  return Promise.all(Array.from({ length: count }, () => connect(connectionString)));
}
