import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { z } from "zod";
import { runSnowflake } from "../local/run-snowflake.ts";
import { startThrowAwayCloud } from "../local/start-throw-away-cloud.ts";
import { formatBytes, formatTable } from "../local/text-table.ts";
import { startChild } from "./child.ts";
import { type DataAdmin, openDataAdmin } from "./data-lane/sync-tables.ts";
import { median } from "./statistics.ts";
import { timeBareCopy } from "./sync/limit.ts";
import { watchMemory } from "./sync/watch-memory.ts";
import { atLeast, atMost, printVerdicts, type Verdict } from "./verdicts.ts";

const HELP = `Usage: npm run bench:sync -- [--rounds 3] [--rows 20000000] [--only small,large]

Syncs of the flights table by both paths: rows per second of each phase and the most memory held. Beside them, what the
reference backend does (all rows into memory, then batches of INSERT) with a million rows, and DuckDB's own copy from
Parquet as the limit of the load phase.

  --rounds  how often each is measured; the large table once, DuckDB's own copy five times at least
  --rows    rows of the large table, which is made of the flights
  --only    small: a million and three million rows; large: the large table
`;
const REFERENCE_FILE = fileURLToPath(new URL("sync/reference.ts", import.meta.url));
const PATHS = ["unload", "rows"] as const;
const MILLION = "FLIGHTS_1M";
const LARGE = "FLIGHTS_LARGE";
const THREADS = 2;
/** DuckDB's own copy takes half as long at one time as at another. */
const COPIES = 5;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    rows: { type: "string", default: "20000000" },
    only: { type: "string", default: "small,large" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const stats = z.object({
  rows_read: z.number(),
  bytes_read: z.number().nullable(),
  seconds: z.record(z.string(), z.number()),
});
interface Measured {
  rows: number;
  seconds: number;
  /** What Snowflake handed out; null where nobody counts it. */
  bytes: number | null;
  phases: Record<string, number>;
  peakBytes: number;
}

const sections = values.only.split(",");
const rounds = Number(values.rounds);
const cloud = await startThrowAwayCloud(
  (part) => (line) => void (part === "postgres" || process.stderr.write(`${part}: ${line}\n`)),
);
const folder = await mkdtemp(join(tmpdir(), "corral-bench-sync-"));
const verdicts: Verdict[] = [];
const figures: Record<string, unknown> = {};
const measured: { name: string; path: string; run: Measured }[] = [];
try {
  const admin = await openDataAdmin(cloud);
  if (sections.includes("small")) await measureSmall(admin);
  if (sections.includes("large")) await measureLarge(admin);
} finally {
  await cloud.close();
  await rm(folder, { recursive: true });
}
printTable();
printVerdicts(verdicts);
process.stdout.write(`${JSON.stringify({ bench: "sync", rounds, ...figures })}\n`);
process.exit();

async function measureSmall(admin: DataAdmin): Promise<void> {
  await runSnowflake(cloud.info, `CREATE TABLE ${MILLION} AS SELECT * FROM FLIGHTS LIMIT 1000000`);
  await admin.allow(MILLION);
  await admin.allow("FLIGHTS");
  const million = await measure(admin, MILLION);
  const reference: number[] = [];
  let peak = 0;
  for (let round = 0; round < rounds; round++) {
    const { snowflake_url: url, snowflake: login } = cloud.info;
    const task = { url, ...login, table: MILLION, file: join(folder, `reference-${round}.duckdb`) };
    const child = await startChild(REFERENCE_FILE, task, ["--import", "tsx", "--max-old-space-size=8192"]);
    const { seconds, peak_bytes } = z
      .object({ seconds: z.number(), peak_bytes: z.number() })
      .parse(JSON.parse(child.firstLine));
    reference.push(seconds);
    peak = Math.max(peak, peak_bytes);
  }
  const seconds = median(reference);
  measured.push({
    name: MILLION,
    path: "reference",
    run: { rows: 1e6, seconds, bytes: null, phases: {}, peakBytes: peak },
  });
  figures.reference = { seconds, peak_bytes: peak };
  verdicts.push(atLeast("1 million rows: unload against the reference's way", seconds / million.unload.seconds, 10));
  verdicts.push(atLeast("1 million rows: rows against the reference's way", seconds / million.rows.seconds, 5));
  const flights = await measure(admin, "FLIGHTS");
  await judgeLoad("FLIGHTS", flights.unload);
  for (const path of PATHS) {
    verdicts.push(
      atMost(
        `${path}: memory with 3 million rows beside 1 million`,
        flights[path].peakBytes / million[path].peakBytes,
        1.5,
      ),
    );
  }
}

async function measureLarge(admin: DataAdmin): Promise<void> {
  const copies = Math.ceil(Number(values.rows) / 3_000_000);
  await runSnowflake(
    cloud.info,
    `CREATE TABLE ${LARGE} AS SELECT f.* FROM FLIGHTS f, (SELECT 1 FROM AIRPORTS LIMIT ${copies}) c LIMIT ${values.rows}`,
  );
  await admin.allow(LARGE);
  for (const path of PATHS) {
    const measured = await measureOnce(admin, LARGE, path);
    show(LARGE, path, measured);
    figures[`${LARGE} ${path}`] = measured;
    if (path === "unload") await judgeLoad(LARGE, measured);
  }
}

/** Measures both paths in turns, and shows the medians. */
async function measure(admin: DataAdmin, name: string): Promise<Record<(typeof PATHS)[number], Measured>> {
  const all: Record<(typeof PATHS)[number], Measured[]> = { unload: [], rows: [] };
  for (let round = 0; round < rounds; round++) {
    for (const path of PATHS) all[path].push(await measureOnce(admin, name, path));
  }
  const result = { unload: middle(all.unload), rows: middle(all.rows) };
  for (const path of PATHS) {
    show(name, path, result[path]);
    figures[`${name} ${path}`] = result[path];
  }
  return result;
}

async function measureOnce(admin: DataAdmin, name: string, path: (typeof PATHS)[number]): Promise<Measured> {
  const startedAt = performance.now();
  const { result, peakBytes } = await watchMemory(cloud.containerPids, () => admin.sync(name, { path }));
  const seconds = (performance.now() - startedAt) / 1000;
  const { rows_read: rows, bytes_read: bytes, seconds: spent } = stats.parse(result.stats);
  return { rows, seconds, bytes, phases: spent, peakBytes };
}

/** The run in the middle, by its whole time. */
function middle(runs: Measured[]): Measured {
  const run = runs.toSorted((a, b) => a.seconds - b.seconds)[Math.floor(runs.length / 2)];
  if (run === undefined) throw new Error("Nothing was measured: --rounds is too small.");
  return run;
}

function show(name: string, path: string, run: Measured): void {
  measured.push({ name, path, run });
}

function printTable(): void {
  const phases = [...new Set(measured.flatMap(({ run }) => Object.keys(run.phases)))];
  const rows = measured.map(({ name, path, run }) => [
    name,
    path,
    String(run.rows),
    run.bytes === null ? "" : formatBytes(run.bytes),
    rate(run.rows, run.seconds),
    ...phases.map((phase) => (run.phases[phase] ? rate(run.rows, run.phases[phase]) : "")),
    formatBytes(run.peakBytes),
  ]);
  const header = ["table", "path", "rows", "read", "whole", ...phases, "most memory"];
  process.stdout.write(`\nRows per second, in thousands\n\n${formatTable(header, rows)}\n\n`);
}

function rate(rows: number, seconds: number): string {
  return (rows / seconds / 1000).toFixed(0);
}

async function judgeLoad(name: string, { phases: spent }: Measured): Promise<void> {
  const limit = await timeBareCopy(cloud.info, { table: name, threads: THREADS, rounds: Math.max(rounds, COPIES) });
  figures[`${name} limit`] = { seconds: limit };
  verdicts.push(
    atLeast(`${name}: load phase against DuckDB's own copy from Parquet`, limit / (spent.loading ?? Number.NaN), 0.7),
  );
}
