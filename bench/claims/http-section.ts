import type pg from "pg";
import type { Cloud } from "../../local/cloud.ts";
import { withDatabase } from "../../local/postgres/postgres-urls.ts";
import { formatTable } from "../../local/text-table.ts";
import { median } from "../statistics.ts";
import { atLeast } from "../verdicts.ts";
import { prepareBareUpdate, UPDATE_CLIENTS } from "./bare-update.ts";
import { type Effort, progress } from "./compare.ts";
import {
  addTasksWithChunks,
  callOverHttp,
  type HttpAgent,
  proveChunk,
  type Reached,
  registerOverHttp,
} from "./http-scene.ts";
import { createPgBoss } from "./pg-boss.ts";
import type { Section } from "./sql-section.ts";
import { connect } from "./start-arena.ts";
import { type Figures, summarize, Trial } from "./trial.ts";

const EXPECTED = { toPgBoss: 2.5, toBareUpdate: 1, hotPercent: 95 };
const BOSS_BACKLOG = 1000;
const WARM_UP_SECONDS = 2;

type What = "pairs" | "beats";

/** Through gateway and functions, beside pg-boss in this process and the bare UPDATE on the same Postgres. */
export async function measureHttp(cloud: Cloud, { rounds, seconds, quick }: Effort): Promise<Section> {
  const callerCounts = quick ? [1, 8] : [1, 8, 32, 64];
  const most = Math.max(...callerCounts);
  const admin = await connect(cloud.adminUrl);
  await addTasksWithChunks(cloud, admin, quick ? 100_000 : 1_000_000, quick ? 50 : 1000);
  const agents = await registerOverHttp(cloud, most, 8);
  await proveChunk(cloud, agents[0] ?? fail());
  const boss = new Trial(await createPgBoss(await createDatabase(admin, cloud, "bench_boss")), BOSS_BACKLOG);
  const update = await prepareBareUpdate(await createDatabase(admin, cloud, "bench_update"));
  const call = async (what: What, callers: number): Promise<Reached> => {
    const calling = { url: cloud.info.functions_url, agents: agents.slice(0, callers) satisfies HttpAgent[] };
    const reached = await callOverHttp({ ...calling, what, seconds, warmUpSeconds: WARM_UP_SECONDS });
    progress(`HTTP, ${callers} callers, ${what}`, reached);
    return reached;
  };

  const samples = callerCounts.map((callers) => ({
    callers,
    pairs: [] as Reached[],
    boss: [] as Figures[],
    beats: [] as Reached[],
  }));
  const updates: number[] = [];
  const before = await countUpdates(admin);
  let beats = 0;
  for (let round = 1; round <= rounds; round++) {
    for (const sample of samples) {
      sample.pairs.push(await call("pairs", sample.callers));
      sample.boss.push(summarize([await boss.measure(sample.callers, seconds)]));
      const reached = await call("beats", sample.callers);
      sample.beats.push(reached);
      beats += reached.tasks;
    }
    updates.push(await update.measure(seconds));
  }
  const after = await countUpdates(admin, before.updates + beats);
  await Promise.all([boss.contender.close(), update.close()]);
  await admin.end();

  const bare = median(updates);
  const hot = (100 * (after.hot - before.hot)) / (after.updates - before.updates);
  const figures = samples.map((sample) => ({
    callers: sample.callers,
    pairs: middle(sample.pairs),
    boss: middle(sample.boss.map(({ perSecond, ...rest }) => ({ tasks: perSecond, seconds: 1, ...rest }))),
    beats: middle(sample.beats),
  }));
  show(figures, bare, `${update.by}, ${UPDATE_CLIENTS} clients`, hot);
  return {
    verdicts: [
      ...figures.map(({ callers, pairs, boss }) =>
        atLeast(
          `HTTP, ${callers} callers, ours to pg-boss in-process`,
          pairs.perSecond / boss.perSecond,
          EXPECTED.toPgBoss,
        ),
      ),
      atLeast(
        `heartbeats over HTTP, ${most} callers, to the bare UPDATE by ${update.by}`,
        (figures.at(-1)?.beats.perSecond ?? Number.NaN) / bare,
        EXPECTED.toBareUpdate,
      ),
      atLeast("HOT updates of agents, in percent", hot, EXPECTED.hotPercent),
    ],
    figures: { callers: figures, bareUpdatesPerSecond: bare, hotPercent: hot, updatesBy: update.by },
  };
}

function middle(samples: Reached[]): Figures {
  return {
    perSecond: median(samples.map(({ tasks, seconds }) => tasks / seconds)),
    p50: median(samples.map(({ p50 }) => p50)),
    p99: median(samples.map(({ p99 }) => p99)),
  };
}

function show(
  figures: { callers: number; pairs: Figures; boss: Figures; beats: Figures }[],
  bare: number,
  bareBy: string,
  hot: number,
): void {
  const rows = figures.flatMap(({ callers, pairs, boss, beats }) => {
    const row = (of: string, { perSecond, p50, p99 }: Figures, ours: string) =>
      [of, perSecond.toFixed(0), p50.toFixed(2), p99.toFixed(2), ours] as const;
    return [
      [String(callers), ...row("ours: claim and completion over HTTP, URLs signed", pairs, "")],
      [
        "",
        ...row(
          `pg-boss in-process, backlog ${BOSS_BACKLOG}`,
          boss,
          `${(pairs.perSecond / boss.perSecond).toFixed(2)} ×`,
        ),
      ],
      ["", ...row("ours: heartbeats over HTTP, each written", beats, "")],
      ["", `bare UPDATE (${bareBy})`, bare.toFixed(0), "", "", `${(beats.perSecond / bare).toFixed(2)} ×`],
    ];
  });
  process.stdout.write(
    `\nThrough gateway and functions\n\n${formatTable(["callers", "of", "per s", "p50 ms", "p99 ms", "ours is"], rows)}\n` +
      `HOT updates of corral.agents: ${hot.toFixed(1)} %\n`,
  );
}

async function createDatabase(admin: pg.Client, cloud: Cloud, name: string): Promise<string> {
  await admin.query(`create database ${name} template template0`);
  return withDatabase(cloud.adminUrl, name);
}

/** Backends tell what they did some seconds later: waits until so many updates are known. */
async function countUpdates(admin: pg.Client, atLeast = 0): Promise<{ updates: number; hot: number }> {
  for (let attempt = 1; ; attempt++) {
    await admin.query("select pg_stat_clear_snapshot()");
    const { rows } = await admin.query<{ updates: string; hot: string }>(
      "select n_tup_upd as updates, n_tup_hot_upd as hot from pg_stat_user_tables where relid = 'corral.agents'::regclass",
    );
    const known = { updates: Number(rows[0]?.updates), hot: Number(rows[0]?.hot) };
    if (known.updates >= atLeast) return known;
    if (attempt === 100) throw new Error(`Of ${atLeast} heartbeats ${known.updates} were written`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function fail(): never {
  throw new Error("No agent was registered");
}
