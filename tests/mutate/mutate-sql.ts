import pg from "pg";
import { withDatabase } from "../../local/postgres/postgres-urls.ts";
import { copyTree } from "./copy-tree.ts";
import { inLanes, judge } from "./judge.ts";
import type { LentCluster } from "./lend-cluster.ts";
import { runVitest } from "./run-vitest.ts";
import { makeSqlMutants, type SqlMutant } from "./sql-mutants.ts";
import type { Show, Verdict } from "./verdict.ts";

/** The nearest tests first: most mutants end there. */
export const SQL_TESTS = [["tests/db"], ["tests/functions", "tests/jobs"]];

/** What Postgres says of SQL that was spoilt rather than changed. */
const NONSENSE =
  /operator does not exist|syntax error at|function \S+\(.*\) does not exist|must be type boolean|COALESCE types/;

/** All mutants of the functions in a migrated database. */
export function listSqlMutants({ adminUrl, template }: LentCluster): Promise<SqlMutant[]> {
  return withClient(withDatabase(adminUrl, template), makeSqlMutants);
}

/** Puts each mutant into a clone of the template database, which the tests then clone in their turn. */
export async function mutateSql(mutants: SqlMutant[], cluster: LentCluster, show: Show): Promise<void> {
  const tree = copyTree();
  let made = 0;
  const openLane = () => ({ remove: () => undefined });
  try {
    await inLanes(mutants, openLane, async (mutant) => {
      show(await tryMutant(mutant, `mutant_${++made}`, tree.dir, cluster));
    });
  } finally {
    tree.remove();
  }
}

async function tryMutant(
  { title, sql }: SqlMutant,
  name: string,
  tree: string,
  cluster: LentCluster,
): Promise<Verdict> {
  const { adminUrl, template } = cluster;
  await withClient(adminUrl, (client) => client.query(`create database ${name} template ${template} owner postgres`));
  try {
    await withClient(withDatabase(adminUrl, name), (client) => client.query(sql));
    for (const tests of SQL_TESTS) {
      const outcome = await runVitest(tree, tests, { ...cluster, template: name });
      if (outcome.kind === "passed") continue;
      const nonsense = outcome.kind === "failed" ? NONSENSE.exec(outcome.message)?.[0] : undefined;
      return nonsense === undefined ? judge(title, outcome) : { title, outcome: "invalid", detail: nonsense };
    }
    return { title, outcome: "survived", detail: "" };
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    return { title, outcome: "invalid", detail: error.message };
  } finally {
    await withClient(adminUrl, (client) => client.query(`drop database ${name} with (force)`));
  }
}

async function withClient<T>(connectionString: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
