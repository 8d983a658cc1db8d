import { parseArgs } from "node:util";
import { startThrowAwayCloud } from "../local/start-throw-away-cloud.ts";
import { formatTable } from "../local/text-table.ts";
import { connect } from "./claims/start-arena.ts";
import { measureIdleFleet } from "./fleet/idle-fleet.ts";
import { drawIntervals, type FleetFigures, simulateFleet } from "./fleet/simulate-fleet.ts";
import { percentile } from "./statistics.ts";
import { atMost, printVerdicts } from "./verdicts.ts";

const HELP = `Usage: npm run bench:fleet -- [--quick] [--seconds 60] [--tasks 20]

What fleets with nothing to do cost when their agents come back as they are told to (poll_after_seconds): requests per
second at the gateway, and how long a task waits that is enqueued meanwhile. Up to 10,000 agents over real HTTP, 100,000
by discrete-event simulation with the rule and the settings that Postgres has; the smaller fleets are simulated too, so
that simulation and reality can be compared.

  --quick    100 and 1,000 agents for 12 seconds: shows that it works, measures little
  --seconds  how long each fleet is watched
  --tasks    how many tasks are enqueued in the middle
`;

const DOLLARS_PER_REQUEST = 2 / 1e6;
const SECONDS_PER_DAY = 86_400;
/** How often agents ask that nobody tells when. */
const USUAL_POLL_SECONDS = 10;
/** From this size on the rate stays the same, give or take so much. */
const FLAT_FROM = 1000;
const EXPECTED_SPREAD = 1.1;
const SIMULATED_SECONDS = 3600;
const INTERVALS = 200_000;

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    seconds: { type: "string" },
    tasks: { type: "string", default: "20" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

interface Row {
  agents: number;
  how: "HTTP" | "simulated";
  requests_per_second: number;
  claim_p50_seconds: number;
  claim_p95_seconds: number;
  dollars_per_day: number;
  dollars_per_day_polling: number;
}

const tasks = Number(values.tasks);
const seconds = Number(values.seconds ?? (values.quick ? 12 : 60));
const real = values.quick ? [100, 1000] : [100, 1000, 10_000];
const rows: Row[] = [];

const cloud = await startThrowAwayCloud(
  (part) => (line) => void (part === "postgres" || process.stderr.write(`${part}: ${line}\n`)),
);
try {
  const admin = await connect(cloud.adminUrl);
  for (const agents of real) {
    rows.push(toRow(agents, "HTTP", await measureIdleFleet(cloud, admin, agents, { seconds, tasks })));
    process.stderr.write(`${agents} agents over HTTP: done\n`);
  }
  for (const agents of [...real, 100_000]) {
    const intervals = await drawIntervals(admin, agents, INTERVALS);
    rows.push(toRow(agents, "simulated", simulateFleet({ agents, intervals, seconds: SIMULATED_SECONDS, tasks })));
  }
  await admin.end();
} finally {
  await cloud.close();
}
report();
process.exit();

function toRow(agents: number, how: Row["how"], { requestsPerSecond, waits, unclaimed }: FleetFigures): Row {
  if (unclaimed > 0) throw new Error(`${unclaimed} tasks found nobody among ${agents} agents; give it more --seconds`);
  return {
    agents,
    how,
    requests_per_second: requestsPerSecond,
    claim_p50_seconds: percentile(waits, 0.5),
    claim_p95_seconds: percentile(waits, 0.95),
    dollars_per_day: requestsPerSecond * SECONDS_PER_DAY * DOLLARS_PER_REQUEST,
    dollars_per_day_polling: (agents / USUAL_POLL_SECONDS) * SECONDS_PER_DAY * DOLLARS_PER_REQUEST,
  };
}

function report(): void {
  const header = ["agents", "how", "requests/s", "claimed p50 s", "p95 s", "$ a day", "$ polling every 10 s"];
  const cells = rows.map((row) => [
    row.agents.toLocaleString("en"),
    row.how,
    row.requests_per_second.toFixed(1),
    row.claim_p50_seconds.toFixed(2),
    row.claim_p95_seconds.toFixed(2),
    row.dollars_per_day.toFixed(2),
    row.dollars_per_day_polling.toFixed(2),
  ]);
  process.stdout.write(`\n${formatTable(header, cells)}\n\n`);
  process.stdout.write(`${tasks} tasks enqueued at once; ${seconds} s over HTTP, an hour simulated; $2 per million\n`);
  const rates = rows.filter(({ agents }) => agents >= FLAT_FROM).map((row) => row.requests_per_second);
  const spread = Math.max(...rates) / Math.min(...rates);
  printVerdicts([
    atMost(`idle requests per second from ${FLAT_FROM} agents up, most to least`, spread, EXPECTED_SPREAD),
  ]);
  process.stdout.write(`${JSON.stringify({ bench: "fleet", seconds, tasks, fleets: rows })}\n`);
}
