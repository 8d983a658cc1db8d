import { formatTable } from "../../local/text-table.ts";
import { median } from "../statistics.ts";
import { atLeast, type Verdict } from "../verdicts.ts";
import { compare, type Effort, progress } from "./compare.ts";
import type { Callers, Contender, Sample } from "./contender.ts";
import { createOurs } from "./ours.ts";
import { createPlain } from "./plain.ts";
import type { Section } from "./sql-section.ts";
import { type Arena, connect } from "./start-arena.ts";
import { Trial } from "./trial.ts";

const EXPECTED = { largeToUsual: 0.95, afterCompletions: 0.9, withSnapshot: 0.9 };
const CALLERS = 8;

/** How large each thing is, and in a quick run. */
const SIZES = {
  usual: {
    backlogs: [1000, 100_000, 1_000_000],
    completions: 66_000,
    ready: 250_000,
    holdSeconds: 120,
    held: 1_500_000,
  },
  quick: { backlogs: [1000, 10_000, 100_000], completions: 6000, ready: 30_000, holdSeconds: 10, held: 50_000 },
};

type Pair = Record<"ours" | "plain", Contender>;
const NAMES = ["ours", "plain"] as const;

/** Whether the size of what waits, what has been done, or an old snapshot slows claims down: ours beside the usual way. */
export async function measureBacklogs(arena: Arena, effort: Effort): Promise<Section> {
  const sizes = effort.quick ? SIZES.quick : SIZES.usual;
  const backlogs = await compareBacklogs(arena, sizes.backlogs, effort);
  const completions = await compareAfter(arena, "done", effort.rounds, (contender) =>
    slowdownByCompletions(contender, sizes, effort.seconds),
  );
  const snapshot = await compareAfter(arena, "held", 1, (contender, url) =>
    slowdownBySnapshot(contender, url, sizes, effort.seconds),
  );
  const table = [
    ...backlogs.rows,
    ...NAMES.map((name) => toRow(name, `after ${sizes.completions} completions`, completions[name])),
    ...NAMES.map((name) => toRow(name, `an old snapshot held for ${sizes.holdSeconds} s`, snapshot[name])),
  ];
  process.stdout.write(
    `\nBacklog, history and an old snapshot: ${CALLERS} callers, one by one\n\n` +
      `${formatTable(["of", "when", "tasks/s", "of what it was"], table)}\n`,
  );
  const verdicts: Verdict[] = [
    atLeast("ours, largest backlog to the one before it", backlogs.largeToUsual, EXPECTED.largeToUsual),
    atLeast(`ours after ${sizes.completions} completions`, ratio(completions.ours), EXPECTED.afterCompletions),
    atLeast(`ours with a snapshot held for ${sizes.holdSeconds} s`, ratio(snapshot.ours), EXPECTED.withSnapshot),
  ];
  return { verdicts, figures: { backlogs: backlogs.figures, completions, snapshot } };
}

/** Tasks per second before and after something. */
interface Change {
  before: number;
  after: number;
}

const ratio = ({ before, after }: Change) => after / before;
const toRow = (of: string, when: string, change: Change) => [
  of,
  when,
  change.after.toFixed(0),
  `${ratio(change).toFixed(2)} ×`,
];

/** Each backlog has databases of its own, so that all can be measured in turns; the last is the largest once more, behind as many finished tasks. */
async function compareBacklogs(arena: Arena, sizes: number[], effort: Effort) {
  const largest = sizes.at(-1) ?? 0;
  const scenarios = [
    ...sizes.map((backlog) => ({ backlog, completed: 0, when: `backlog ${backlog.toLocaleString("en")}` })),
    { backlog: largest, completed: largest, when: `and ${largest.toLocaleString("en")} finished before it` },
  ];
  const trials: Trial[] = [];
  for (const [index, { backlog, completed }] of scenarios.entries()) {
    const { ours, plain } = await createPair(arena, `backlog_${index}`, completed);
    trials.push(new Trial(ours, backlog), new Trial(plain, backlog));
  }
  const figures = await compare(trials, [CALLERS], effort);
  await Promise.all(trials.map(({ contender }) => contender.close()));
  const perSecond = (scenario: number, name: 0 | 1) => figures[2 * scenario + name]?.perSecond ?? Number.NaN;
  const usual = sizes.length - 2;
  const rows = scenarios.flatMap(({ when }, scenario) =>
    ([0, 1] as const).map((name) =>
      toRow(NAMES[name], when, { before: perSecond(usual, name), after: perSecond(scenario, name) }),
    ),
  );
  return { rows, largeToUsual: perSecond(usual + 1, 0) / perSecond(usual, 0), figures };
}

async function compareAfter(
  arena: Arena,
  name: string,
  rounds: number,
  slowdown: (contender: Contender, url: string) => Promise<Change>,
): Promise<Record<"ours" | "plain", Change>> {
  const { urls, ...pair } = await createPair(arena, name, 0);
  const changes: Record<"ours" | "plain", Change[]> = { ours: [], plain: [] };
  for (let round = 1; round <= rounds; round++)
    for (const name of NAMES) changes[name].push(await slowdown(pair[name], urls[name]));
  await Promise.all(NAMES.map((name) => pair[name].close()));
  const middle = (of: Change[]) => ({
    before: median(of.map(({ before }) => before)),
    after: median(of.map(({ after }) => after)),
  });
  return { ours: middle(changes.ours), plain: middle(changes.plain) };
}

async function slowdownByCompletions(
  contender: Contender,
  { ready, completions }: { ready: number; completions: number },
  seconds: number,
): Promise<Change> {
  return withCallers(contender, ready, async (callers) => {
    const before = await callers.run({ seconds, tasks: ready });
    await callers.run({ seconds: 600, tasks: completions - before.tasks });
    return toChange(
      contender,
      `after ${completions} completions`,
      before,
      await callers.run({ seconds, tasks: ready }),
    );
  });
}

/** The snapshot is that of a transaction which read once and then does nothing, in the same database. */
async function slowdownBySnapshot(
  contender: Contender,
  url: string,
  { held, holdSeconds }: { held: number; holdSeconds: number },
  seconds: number,
): Promise<Change> {
  return withCallers(contender, held, async (callers) => {
    const before = await callers.run({ seconds, tasks: held });
    const reader = await connect(url);
    await reader.query("begin isolation level repeatable read");
    await reader.query("select count(*) from pg_class");
    await callers.run({ seconds: holdSeconds - seconds, tasks: held });
    const after = await callers.run({ seconds, tasks: held });
    await reader.end();
    return toChange(contender, "with the snapshot", before, after);
  });
}

async function withCallers<T>(contender: Contender, ready: number, work: (callers: Callers) => Promise<T>): Promise<T> {
  await contender.fill(ready);
  const callers = await contender.open(CALLERS);
  try {
    await callers.run({ seconds: 1, tasks: ready });
    return await work(callers);
  } finally {
    await callers.close();
  }
}

function toChange(contender: Contender, when: string, before: Sample, after: Sample): Change {
  if (after.tasks === 0) throw new Error(`${contender.title} ran out of tasks before it was measured ${when}`);
  progress(`${contender.title}, before`, before);
  progress(`${contender.title}, ${when}`, after);
  return { before: before.tasks / before.seconds, after: after.tasks / after.seconds };
}

async function createPair(arena: Arena, name: string, completed: number) {
  const urls = {
    ours: await arena.createDatabase(`ours_${name}`, "ours"),
    plain: await arena.createDatabase(`plain_${name}`, "empty"),
  };
  const pair: Pair = {
    ours: await createOurs(urls.ours, { way: "two calls", batch: 1, completed }),
    plain: await createPlain(urls.plain, { completed }),
  };
  return { ...pair, urls };
}
