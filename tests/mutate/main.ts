import { parseArgs } from "node:util";
import { formatDuration, formatTable } from "../../local/text-table.ts";
import { startTemplate } from "../setup/template-database.ts";
import { copyTree } from "./copy-tree.ts";
import { requireSound } from "./judge.ts";
import { listSqlMutants, mutateSql, SQL_TESTS } from "./mutate-sql.ts";
import { mutateStandIns } from "./mutate-stand-ins.ts";
import { STAND_IN_MUTANTS } from "./stand-in-mutants.ts";
import type { Verdict } from "./verdict.ts";

const HELP = `Usage: npm run mutate -- [--sql] [--stand-ins] [--only <text>]

Breaks each SQL function and each stand-in's promises in turn, on copies, and runs the tests that should notice.
Exits 0 if they notice every one, 1 if a mutant survives or could not be tried.

  --sql          only SQL functions
  --stand-ins    only stand-ins
  --only <text>  only mutants whose title, or whose file, contains the text; may be given several times
`;

const { values } = parseArgs({
  options: {
    sql: { type: "boolean", default: false },
    "stand-ins": { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

// An exit of our own removes the copies; a signal alone would not.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const both = values.sql === values["stand-ins"];
const startedAt = performance.now();
const template = await startTemplate();
try {
  process.exitCode = await mutate();
} finally {
  await template.stop();
}

/** Resolves to the exit code. */
async function mutate(): Promise<number> {
  const { cluster } = template;
  const isWanted = ({ title, file = "" }: { title: string; file?: string }) =>
    values.only.length === 0 || values.only.some((text) => title.includes(text) || file.includes(text));
  const standIns = both || values["stand-ins"] ? STAND_IN_MUTANTS.filter(isWanted) : [];
  const sql = both || values.sql ? (await listSqlMutants(cluster)).filter(isWanted) : [];
  const total = standIns.length + sql.length;
  if (total === 0) throw new Error(`No mutant has "${values.only.join('" or "')}" in its title or file.`);

  process.stdout.write(`${total} mutants. First the tests as they are …\n`);
  const tree = copyTree();
  const tests = [...standIns.flatMap((mutant) => mutant.tests), ...(sql.length > 0 ? SQL_TESTS.flat() : [])];
  await requireSound(tree.dir, [...new Set(tests)], cluster).finally(tree.remove);

  const verdicts: Verdict[] = [];
  const show = (verdict: Verdict) => {
    verdicts.push(verdict);
    const outcome = verdict.outcome === "noticed" ? "noticed " : verdict.outcome.toUpperCase();
    process.stdout.write(`${verdicts.length}/${total}  ${outcome}  ${verdict.title}\n`);
    if (verdict.detail !== "") process.stdout.write(`    ${verdict.detail}\n`);
  };
  if (sql.length > 0) await mutateSql(sql, cluster, show);
  if (standIns.length > 0) await mutateStandIns(standIns, cluster, show);
  return summarize(verdicts);
}

function summarize(verdicts: Verdict[]): number {
  const count = (outcome: Verdict["outcome"]) => verdicts.filter((verdict) => verdict.outcome === outcome).length;
  const row = [verdicts.length, count("noticed"), count("survived"), count("invalid")].map(String);
  const header = ["mutants", "noticed", "survived", "invalid", "time"];
  process.stdout.write(`\n${formatTable(header, [[...row, formatDuration(performance.now() - startedAt)]])}\n`);
  const failures = verdicts.filter(({ outcome }) => outcome !== "noticed");
  for (const { outcome, title } of failures) process.stdout.write(`${outcome}: ${title}\n`);
  return failures.length === 0 ? 0 : 1;
}
