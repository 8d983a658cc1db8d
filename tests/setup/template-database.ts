import pg from "pg";
import type { ProvidedContext } from "vitest";
import type { TestProject } from "vitest/node";
import { applyMigrations } from "../../local/postgres/migrate.ts";
import { withDatabase } from "../../local/postgres/postgres-urls.ts";
import { startThrowAwayPostgres } from "../../local/postgres/start-throw-away-postgres.ts";

declare module "vitest" {
  interface ProvidedContext {
    postgres: { url: string; adminUrl: string; authenticatorUrl: string; template: string };
  }
}

const TEMPLATE = "template_corral";

/** What product code sees as the present: the setting `corral.test_now`, a time or a signed interval, if there is one. */
const REPLACE_CLOCK = `
create or replace function corral.now() returns timestamptz language sql stable set search_path = '' as $clock$
  select case
    when setting is null then pg_catalog.now()
    when setting ~ '^[+-]' then pg_catalog.now() + setting::interval
    else setting::timestamptz
  end from (select nullif(pg_catalog.current_setting('corral.test_now', true), '') as setting) s
$clock$`;

/** A cluster for tests, with a migrated database that each of them clones. */
export interface TemplateCluster {
  cluster: ProvidedContext["postgres"];
  stop(): Promise<void>;
}

export async function startTemplate(): Promise<TemplateCluster> {
  const postgres = await startThrowAwayPostgres((line) => process.stderr.write(`[postgres] ${line}\n`));
  try {
    await makeTemplate(postgres.adminUrl, postgres.url);
  } catch (error) {
    await postgres.stop();
    throw error;
  }
  const { url, adminUrl, authenticatorUrl } = postgres;
  return { cluster: { url, adminUrl, authenticatorUrl, template: TEMPLATE }, stop: () => postgres.stop() };
}

/** Starts one cluster for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { cluster, stop } = await startTemplate();
  project.provide("postgres", cluster);
  return stop;
}

async function makeTemplate(adminUrl: string, url: string): Promise<void> {
  await execute(adminUrl, [
    // A test cluster that a power cut takes is no loss.
    "alter system set fsync = off",
    "select pg_reload_conf()",
    `create database ${TEMPLATE} template postgres owner postgres`,
  ]);
  await applyMigrations(withDatabase(url, TEMPLATE));
  await execute(withDatabase(adminUrl, TEMPLATE), [REPLACE_CLOCK]);
}

async function execute(connectionString: string, statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
