import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { formatTable } from "../../local/text-table.ts";
import { describePlan, planFaults } from "./plan-faults.ts";
import { Random } from "./random.ts";
import { type ChaosReport, runChaos } from "./run-chaos.ts";

const HELP = `Usage: npm run chaos -- [options]

Starts a throw-away local cloud and has tasks flow through it while agents, function processes, job containers, the
gateway and Postgres are killed and started again, replies are dropped after the server has acted, the agents' clocks
are off by minutes, and zombies do again what they did in the past. Afterwards everything that clients were told is
held against the database and the bucket. Exits 1 if anything is not as it was told.

  --seconds <n>   how long things go wrong (default 120)
  --seed <n>      which faults strike when (default: drawn, and printed)
  --agents <n>    how many agents there are (default 24)
  --log <file>    write there what every part of the cloud logs
  --help          this text
`;
const SHOWN = 40;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "120" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e6)) },
    agents: { type: "string", default: "24" },
    log: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const seconds = wholeNumber("--seconds", values.seconds);
const seed = wholeNumber("--seed", values.seed);
const agents = wholeNumber("--agents", values.agents);
const random = new Random(seed);
const plan = planFaults(random.fork(), seconds, { meanPauseMs: 1800 });
const say = (line: string) => void process.stdout.write(`${line}\n`);

say(`Chaos for ${seconds} s with ${agents} agents, seed ${seed}.`);
say(`The plan: ${describePlan(plan)}\n`);
const report = await runChaos({ seconds, random, plan, agents, jobsAtOnce: 8, chunks: [20, 300], say });
if (values.log !== undefined) await writeFile(values.log, report.lines.join("\n"));
print(report);
process.exit(report.violations.length === 0 ? 0 : 1);

function print({ violations, counts, lines: _, ...totals }: ChaosReport): void {
  const rows = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, count]) => [what, String(count)]);
  say(`\n${formatTable(["what was done and answered", "times"], rows)}\n`);
  say(
    `${formatTable(["jobs", "tasks", "completed", "attempts that ended otherwise"], [Object.values(totals).map(String)])}\n`,
  );
  for (const violation of violations.slice(0, SHOWN)) say(`VIOLATION  ${violation}`);
  if (violations.length > SHOWN) say(`… and ${violations.length - SHOWN} more`);
  say(
    violations.length === 0 ? "Nothing lost, nothing doubled.\n" : `\n${violations.length} violations, seed ${seed}.\n`,
  );
  say(JSON.stringify({ seed, seconds, agents, ...totals, violations: violations.length }));
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0) return number;
  process.stderr.write(`${option} takes a whole number, not "${text}".\n`);
  process.exit(2);
}
