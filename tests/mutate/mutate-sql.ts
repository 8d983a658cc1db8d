import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { applyMigrations } from "../../local/postgres/migrate.ts";
import { startThrowAwayPostgres } from "../../local/postgres/start-throw-away-postgres.ts";
import { copyTree } from "./copy-tree.ts";
import type { Verdict } from "./main.ts";
import { failsUnder } from "./run-vitest.ts";
import { listSqlMutants, type SqlMutant } from "./sql-mutants.ts";

/** The nearest tests first: most mutants end there. */
const TESTS = [["tests/db"], ["tests/functions", "tests/jobs"]];
/** Applied after every real migration. */
const MUTANT_MIGRATION = "supabase/migrations/99999999999999_mutant.sql";

/** Adds each mutant as a last migration to a copy of the tree and runs the tests there. */
export async function mutateSql(only: string, show: (verdict: Verdict) => void): Promise<Verdict[]> {
  const mutants = (await listMutants()).filter(({ title }) => title.includes(only));
  const tree = copyTree();
  const verdicts: Verdict[] = [];
  try {
    for (const { title, sql } of mutants) {
      await writeFile(join(tree.dir, MUTANT_MIGRATION), `${sql};\n`);
      const verdict = { title, noticed: await isNoticed(tree.dir) };
      show(verdict);
      verdicts.push(verdict);
    }
  } finally {
    tree.remove();
  }
  return verdicts;
}

async function isNoticed(tree: string): Promise<boolean> {
  for (const tests of TESTS) if (await failsUnder(tree, tests)) return true;
  return false;
}

async function listMutants(): Promise<SqlMutant[]> {
  const postgres = await startThrowAwayPostgres();
  try {
    await applyMigrations(postgres.url);
    const client = new pg.Client({ connectionString: postgres.adminUrl });
    await client.connect();
    const mutants = await listSqlMutants(client);
    await client.end();
    return mutants;
  } finally {
    await postgres.stop();
  }
}
