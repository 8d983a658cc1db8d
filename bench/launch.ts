import { parseArgs } from "node:util";
import pg from "pg";
import type { Cloud } from "../local/cloud.ts";
import { startThrowAwayCloud } from "../local/start-throw-away-cloud.ts";
import { formatTable } from "../local/text-table.ts";
import { percentile } from "./statistics.ts";

const HELP = `Usage: npm run bench:launch -- [--rounds 30]

From COMMIT of a project's pending_dataset to the first line of the job's process, hop by hop.
`;
const EXPECTED_P50_MS = 600;

const { values } = parseArgs({ options: { rounds: { type: "string", default: "30" }, help: { type: "boolean" } } });
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

/** Milliseconds of one launch; each hop begins where the one before it ended. */
interface Launch {
  commit_to_claim: number;
  claim_to_launch: number;
  launch_to_first_line: number;
  first_line_to_start: number;
  commit_to_first_line: number;
}
type Hop = keyof Launch;
const HOPS: [Hop, string][] = [
  ["commit_to_claim", "COMMIT → pg_net → gateway → dispatch claims the run"],
  ["claim_to_launch", "dispatch → Cloud Run accepts the job"],
  ["launch_to_first_line", "container starts → first line"],
  ["first_line_to_start", "imports, then the job starts its run in Postgres"],
  ["commit_to_first_line", "COMMIT → first line"],
];

const firstLines = new Map<string, (at: number) => void>();
const cloud = await startThrowAwayCloud(() => (line) => {
  const runId = /corral-job \S+ run=(\d+) .*started/.exec(line)?.[1];
  if (runId !== undefined) firstLines.get(runId)?.(Date.now());
});
try {
  const client = new pg.Client({ connectionString: cloud.adminUrl });
  await client.connect();
  const rounds = Number(values.rounds);
  await measureLaunch(client, cloud); // The functions' processes start with their first call.
  const launches: Launch[] = [];
  for (let round = 0; round < rounds; round++) launches.push(await measureLaunch(client, cloud));
  await client.end();
  report(launches);
} finally {
  await cloud.close();
}
process.exit();

async function measureLaunch(client: pg.Client, { info }: Cloud): Promise<Launch> {
  await client.query("begin");
  const project = await client.query<{ id: string }>(
    `insert into public.projects (user_id, name, search_keywords, metadata, status)
     values ($1, 'bench', '{seattle}', '{"kaggle_ref": "no-such-owner/no-such-dataset"}', 'pending_dataset') returning id`,
    [info.owner.id],
  );
  const id = project.rows[0]?.id;
  const run = await client.query<{ id: string }>("select id from corral.runs where subject = $1", [id]);
  const runId = run.rows[0]?.id;
  if (runId === undefined) throw new Error(`Project ${id} got no run`);
  const firstLine = new Promise<number>((resolve) => firstLines.set(runId, resolve));
  await client.query("commit");
  const committedAt = Date.now();
  const lineAt = await firstLine;
  const at = await untilEnded(client, runId);
  return {
    commit_to_claim: at.claimed - committedAt,
    claim_to_launch: at.launched - at.claimed,
    launch_to_first_line: lineAt - at.launched,
    first_line_to_start: at.started - lineAt,
    commit_to_first_line: lineAt - committedAt,
  };
}

/** Waits for the run's end, so that rounds do not overlap, and resolves to its milestones in epoch milliseconds. */
async function untilEnded(client: pg.Client, runId: string) {
  for (;;) {
    const { rows } = await client.query<{ ended: boolean; claimed: number; launched: number; started: number }>(
      `select state in ('succeeded', 'failed', 'cancelled') as ended,
              extract(epoch from claimed_at)::float8 * 1000 as claimed,
              extract(epoch from launched_at)::float8 * 1000 as launched,
              extract(epoch from started_at)::float8 * 1000 as started
         from corral.runs where id = $1`,
      [runId],
    );
    const row = rows[0];
    if (row?.ended) return row;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function report(launches: Launch[]): void {
  const samples = (hop: Hop) => launches.map((launch) => launch[hop]);
  const rows = HOPS.map(([hop, title]) => [
    title,
    percentile(samples(hop), 0.5).toFixed(0),
    percentile(samples(hop), 0.95).toFixed(0),
  ]);
  const p50 = percentile(samples("commit_to_first_line"), 0.5);
  process.stdout.write(`\n${formatTable(["hop", "p50 ms", "p95 ms"], rows)}\n\n`);
  process.stdout.write(
    `${launches.length} launches; p50 ${p50 < EXPECTED_P50_MS ? "is within" : "MISSES"} the expected ${EXPECTED_P50_MS} ms\n`,
  );
  const figures = Object.fromEntries(
    HOPS.map(([hop]) => [hop, { p50: percentile(samples(hop), 0.5), p95: percentile(samples(hop), 0.95) }]),
  );
  process.stdout.write(`${JSON.stringify({ bench: "launch", rounds: launches.length, unit: "ms", ...figures })}\n`);
}
