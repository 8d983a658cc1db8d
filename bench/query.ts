import { parseArgs } from "node:util";
import pg from "pg";
import { startThrowAwayCloud } from "../local/start-throw-away-cloud.ts";
import { formatTable } from "../local/text-table.ts";
import { openDataAdmin } from "./data-lane/sync-tables.ts";
import { openDirect } from "./query/direct.ts";
import { Queries } from "./query/queries.ts";
import { SHAPES } from "./query/shapes.ts";
import { median, percentile } from "./statistics.ts";
import { atMost, printVerdicts, type Verdict } from "./verdicts.ts";

const HELP = `Usage: npm run bench:query -- [--rounds 30] [--cold-rounds 5]

Queries over 3 million rows through gateway and functions with Prefer: wait, beside DuckDB called directly on the same
file, in turns, two in a second; cold ones find no runner (its container starts at once here). Then many at once, which
is as fast as new processes start; and samples and profiles beside a bare function call.

  --rounds       how often each is measured warm
  --cold-rounds  how often each is measured without a runner
`;
const TABLES = ["FLIGHTS", "AIRPORTS"];
const CALLERS = [1, 8, 32];
/** Between two warm queries: a runner has a process ready for each of some, and starts others in the meantime. */
const PAUSE_MS = 400;
const WARM_OVERHEAD_MS = 40;
const EDGE_OVERHEAD_MS = 15;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "30" },
    "cold-rounds": { type: "string", default: "5" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const rounds = Number(values.rounds);

const cloud = await startThrowAwayCloud(
  (part) => (line) => void (part === "postgres" || process.stderr.write(`${part}: ${line}\n`)),
);
const client = new pg.Client({ connectionString: cloud.adminUrl });
await client.connect();
await client.query("update corral.settings set concurrent_queries = 1000, requests_per_minute = 1000000");
const admin = await openDataAdmin(cloud);
for (const table of TABLES) {
  await admin.allow(table);
  await admin.sync(table);
}
const direct = await openDirect(cloud, TABLES, 2);
const queries = new Queries(cloud.info.functions_url, admin.token);
const verdicts: Verdict[] = [];
const figures: Record<string, unknown> = {};
try {
  await measureShapes();
  await measureCallers();
  await measureEdge();
} finally {
  await direct.close();
  await client.end();
  await cloud.close();
}
process.stdout.write("\n");
printVerdicts(verdicts);
process.stdout.write(`${JSON.stringify({ bench: "query", rounds, unit: "ms", ...figures })}\n`);
process.exit();

async function measureShapes(): Promise<void> {
  const rows: string[][] = [];
  for (const { name, sql } of SHAPES) {
    const cold: number[] = [];
    for (let round = 0; round < Number(values["cold-rounds"]); round++) {
      await dismissRunners();
      cold.push(await queries.run(sql));
    }
    await queries.run(sql);
    const warm: number[] = [];
    const alone: number[] = [];
    for (let round = 0; round < rounds; round++) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      alone.push(await direct.run(sql));
      warm.push(await queries.run(sql));
    }
    const show = (samples: number[]) => [percentile(samples, 0.5).toFixed(1), percentile(samples, 0.95).toFixed(1)];
    rows.push([name, ...show(alone), ...show(warm), ...(cold.length > 0 ? show(cold) : ["", ""])]);
    figures[name] = { direct: median(alone), warm: median(warm), cold: cold.length > 0 ? median(cold) : null };
    verdicts.push(
      atMost(`${name}: ms that a warm query takes longer than direct`, median(warm) - median(alone), WARM_OVERHEAD_MS),
    );
  }
  process.stdout.write(
    `\n${formatTable(["query", "direct p50", "p95", "warm p50", "p95", "cold p50", "p95"], rows)}\n`,
  );
}

/** Ends all runners, so that the next query finds none. */
async function dismissRunners(): Promise<void> {
  await client.query(
    `update corral.runs set state = 'cancelled', lease_expires_at = null, finished_at = now()
      where kind = 'query' and state in ('queued', 'launching', 'running')`,
  );
  while (cloud.containerPids().length > 0) await new Promise((resolve) => setTimeout(resolve, 50));
}

async function measureCallers(): Promise<void> {
  const sql = SHAPES[1]?.sql ?? "";
  const totals = new Map<number, number[]>(CALLERS.map((callers) => [callers, []]));
  const most = Math.max(...CALLERS);
  await queries.run(sql);
  for (let round = 0; round < Math.max(3, Math.ceil(rounds / 10)); round++) {
    for (const callers of CALLERS) totals.get(callers)?.push(await queries.runMany(sql, most, callers));
  }
  const rows = CALLERS.map((callers) => [`${callers}`, median(totals.get(callers) ?? []).toFixed(0)]);
  process.stdout.write(`\n${formatTable(["at once", `ms for ${most} group-bys`], rows)}\n`);
  const [one = 0] = CALLERS.map((callers) => median(totals.get(callers) ?? []));
  const all = median(totals.get(most) ?? []);
  figures.at_once = Object.fromEntries(CALLERS.map((callers) => [callers, median(totals.get(callers) ?? [])]));
  verdicts.push(atMost(`${most} at once beside one after another, ratio of the whole times`, all / one, 1));
}

async function measureEdge(): Promise<void> {
  const table = { schema_name: "PUBLIC", table_name: "FLIGHTS" };
  const calls: [string, () => Promise<number>][] = [
    ["bare call", () => queries.time("/health")],
    ["sample of 100, JSON", () => queries.time("/api/v1/data/sample", { ...table, sample_size: 100 })],
    [
      "sample of 1,000, CSV",
      () => queries.time("/api/v1/data/sample", { ...table, sample_size: 1000, output_format: "csv" }),
    ],
    ["profile", () => queries.time("/api/v1/data/profile", table)],
  ];
  const samples = new Map<string, number[]>(calls.map(([name]) => [name, []]));
  for (const [, call] of calls) await call();
  for (let round = 0; round < rounds; round++) for (const [name, call] of calls) samples.get(name)?.push(await call());
  const p50 = (name: string) => median(samples.get(name) ?? []);
  const rows = calls.map(([name]) => [
    name,
    p50(name).toFixed(1),
    percentile(samples.get(name) ?? [], 0.95).toFixed(1),
  ]);
  process.stdout.write(`\n${formatTable(["from the edge", "p50", "p95"], rows)}\n`);
  figures.edge = Object.fromEntries(calls.map(([name]) => [name, p50(name)]));
  for (const [name] of calls.slice(1)) {
    verdicts.push(atMost(`${name}: ms longer than a bare call`, p50(name) - p50("bare call"), EDGE_OVERHEAD_MS));
  }
}
