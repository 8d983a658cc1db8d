import { atLeast, type Verdict } from "../verdicts.ts";
import { bestOf, type Comparison, compare, type Effort, showComparisons } from "./compare.ts";
import type { Contender } from "./contender.ts";
import { createGraphileWorker } from "./graphile-worker.ts";
import { createOurs } from "./ours.ts";
import { createPgBoss } from "./pg-boss.ts";
import { createPlain } from "./plain.ts";
import type { Arena } from "./start-arena.ts";
import { Trial } from "./trial.ts";

const EXPECTED = { toPgBoss: 3, toGraphileWorker: 1.5, batchesToPgBoss: 1 };
const USUAL_BACKLOG = 100_000;
/** pg-boss sorts what is ready at each fetch: the less, the better for it. The others do best with enough for a run. */
const SMALL_BACKLOG = { pgBoss: 1000, graphileWorker: 20_000, pgBossBatches: 5000 };

export interface Section {
  verdicts: Verdict[];
  figures: unknown;
}

/** Claim and completion one by one, straight in SQL. */
export async function measureSingles(arena: Arena, effort: Effort): Promise<Section> {
  const usual = effort.quick ? USUAL_BACKLOG / 5 : USUAL_BACKLOG;
  const [ours, cycle, plain, boss, indexedBoss, graphile] = [
    await createOurs(await arena.createDatabase("ours_singles", "ours"), { way: "two calls", batch: 1 }),
    await createOurs(await arena.createDatabase("ours_cycle", "ours"), { way: "cycle", batch: 1 }),
    await createPlain(await arena.createDatabase("plain_singles", "empty")),
    await createPgBoss(await arena.createDatabase("boss_singles", "empty")),
    await createPgBoss(await arena.createDatabase("boss_indexed", "empty"), { withIndex: true }),
    await createGraphileWorker(await arena.createDatabase("graphile_singles", "empty")),
  ];
  const callers = effort.quick ? [1, 8] : [1, 8, 32, 64];
  const trials = [
    new Trial(ours, usual),
    new Trial(cycle, usual),
    new Trial(plain, usual),
    new Trial(boss, SMALL_BACKLOG.pgBoss),
    new Trial(boss, usual),
    new Trial(indexedBoss, usual),
    new Trial(graphile, SMALL_BACKLOG.graphileWorker),
    new Trial(graphile, usual),
  ];
  const comparisons = await compareAndClose(trials, callers, effort);
  showComparisons("SQL, one by one: a claim and its completion", comparisons);
  const verdicts = callers.flatMap((count) => {
    const reached = bestOf(comparisons, count, /^ours$/);
    const of = (rival: RegExp) => reached / bestOf(comparisons, count, rival);
    return [
      atLeast(`SQL, ${count} callers, ours to pg-boss at its best backlog`, of(/^pg-boss$/), EXPECTED.toPgBoss),
      atLeast(`SQL, ${count} callers, ours to graphile-worker`, of(/^graphile/), EXPECTED.toGraphileWorker),
    ];
  });
  return { verdicts, figures: comparisons };
}

/** The same in batches of 100. */
export async function measureBatches(arena: Arena, effort: Effort): Promise<Section> {
  const usual = effort.quick ? USUAL_BACKLOG / 5 : USUAL_BACKLOG;
  const batch = 100;
  const [ours, plain, boss] = [
    await createOurs(await arena.createDatabase("ours_batches", "ours"), { way: "two calls", batch }),
    await createPlain(await arena.createDatabase("plain_batches", "empty"), { batch }),
    await createPgBoss(await arena.createDatabase("boss_batches", "empty"), { batch }),
  ];
  const callers = [1, 8];
  const trials = [
    new Trial(ours, usual),
    new Trial(plain, usual),
    new Trial(boss, SMALL_BACKLOG.pgBossBatches),
    new Trial(boss, usual),
  ];
  const comparisons = await compareAndClose(trials, callers, effort);
  showComparisons("SQL, batches of 100", comparisons);
  const verdicts = callers.map((count) =>
    atLeast(
      `SQL, batches of 100, ${count} callers, ours to pg-boss at its best backlog`,
      bestOf(comparisons, count, /^ours/) / bestOf(comparisons, count, /^pg-boss/),
      EXPECTED.batchesToPgBoss,
    ),
  );
  return { verdicts, figures: comparisons };
}

async function compareAndClose(trials: Trial[], callers: number[], effort: Effort): Promise<Comparison[]> {
  try {
    return await compare(trials, callers, effort);
  } finally {
    const contenders = new Set<Contender>(trials.map(({ contender }) => contender));
    await Promise.all([...contenders].map((contender) => contender.close()));
  }
}
