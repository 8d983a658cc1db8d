import { parseArgs } from "node:util";
import { formatTable } from "../../local/text-table.ts";
import { mutateSql } from "./mutate-sql.ts";
import { mutateStandIns } from "./mutate-stand-ins.ts";

const HELP = `Usage: npm run mutate -- [--sql] [--stand-ins] [--only <text>]

Breaks each SQL function and each stand-in's promises in turn, on copies, and runs the tests that should notice.
Exits 1 if any mutant survives.

  --sql          only SQL functions
  --stand-ins    only stand-ins
  --only <text>  only mutants whose title contains the text
`;

/** What became of one mutant. */
export interface Verdict {
  title: string;
  noticed: boolean;
}

const { values } = parseArgs({
  options: {
    sql: { type: "boolean", default: false },
    "stand-ins": { type: "boolean", default: false },
    only: { type: "string", default: "" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const both = values.sql === values["stand-ins"];
const show = ({ title, noticed }: Verdict) => process.stdout.write(`${noticed ? "noticed " : "SURVIVED"}  ${title}\n`);
const verdicts = [
  ...(both || values.sql ? await mutateSql(values.only, show) : []),
  ...(both || values["stand-ins"] ? await mutateStandIns(values.only, show) : []),
];
const survivors = verdicts.filter(({ noticed }) => !noticed);
process.stdout.write(
  `\n${formatTable(
    ["mutants", "noticed", "survived"],
    [[verdicts.length, verdicts.length - survivors.length, survivors.length].map(String)],
  )}\n`,
);
for (const { title } of survivors) process.stdout.write(`survived: ${title}\n`);
process.exit(survivors.length === 0 && verdicts.length > 0 ? 0 : 1);
