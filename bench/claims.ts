import { parseArgs } from "node:util";
import { startThrowAwayCloud } from "../local/start-throw-away-cloud.ts";
import { measureBacklogs } from "./claims/backlog-section.ts";
import type { Effort } from "./claims/compare.ts";
import { measureDoubleClaims } from "./claims/double-claims.ts";
import { measureFirstRequest } from "./claims/first-request.ts";
import { measureHttp } from "./claims/http-section.ts";
import { measureBatches, measureSingles, type Section } from "./claims/sql-section.ts";
import { startArena } from "./claims/start-arena.ts";
import { printVerdicts } from "./verdicts.ts";

const HELP = `Usage: npm run bench:claims -- [--quick] [--rounds 3] [--seconds 5] [--only singles,http]

Claims and completions per second, beside pg-boss, graphile-worker and a plain SKIP LOCKED claim on the same Postgres
with fsync on. All take turns, each with warm connections; medians over the rounds.

  --quick    small backlogs, few callers, one round: shows that it works, measures little
  --rounds   how often each is measured
  --seconds  how long each measurement takes
  --only     some of the sections:
               singles  SQL, one by one, 1 to 64 callers
               batches  SQL, batches of 100
               backlog  1 thousand to 1 million waiting, a million done, an old snapshot held for two minutes
               doubles  a million claims, none of a task twice
               http     claims and heartbeats through gateway and functions
               first    the first request of a function
`;

const SECTIONS = ["singles", "batches", "backlog", "doubles", "http", "first"] as const;
type Name = (typeof SECTIONS)[number];

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    seconds: { type: "string" },
    only: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const { quick } = values;
const effort: Effort = {
  quick,
  rounds: Number(values.rounds ?? (quick ? 1 : 3)),
  seconds: Number(values.seconds ?? (quick ? 2 : 5)),
};
const wanted = values.only?.split(",") ?? SECTIONS;
const unknown = wanted.find((name) => !SECTIONS.some((section) => section === name));
if (unknown !== undefined) throw new Error(`--only takes ${SECTIONS.join(", ")}, not "${unknown}".`);

const sections = new Map<Name, Section>();
const measure = async (name: Name, work: () => Promise<Section>) => {
  if (wanted.includes(name)) sections.set(name, await work());
};

if (wanted.some((name) => name !== "http" && name !== "first")) {
  const arena = await startArena();
  try {
    process.stdout.write(`${await arena.describe()}\n`);
    await measure("singles", () => measureSingles(arena, effort));
    await measure("batches", () => measureBatches(arena, effort));
    await measure("backlog", () => measureBacklogs(arena, effort));
    await measure("doubles", () => measureDoubleClaims(arena, effort));
  } finally {
    await arena.close();
  }
}
if (wanted.includes("http") || wanted.includes("first")) {
  const cloud = await startThrowAwayCloud(
    (part) => (line) => void (part === "postgres" || process.stderr.write(`${part}: ${line}\n`)),
  );
  try {
    await measure("first", () => measureFirstRequest(cloud, quick));
    await measure("http", () => measureHttp(cloud, effort));
  } finally {
    await cloud.close();
  }
}

process.stdout.write(`\n${effort.rounds} rounds of ${effort.seconds} s, medians\n`);
printVerdicts([...sections.values()].flatMap(({ verdicts }) => verdicts));
const figures = Object.fromEntries([...sections].map(([name, section]) => [name, section.figures]));
process.stdout.write(`${JSON.stringify({ bench: "claims", ...effort, ...figures })}\n`);
process.exit();
