import { formatTable } from "../../local/text-table.ts";
import type { Sample } from "./contender.ts";
import { type Figures, summarize, type Trial } from "./trial.ts";

export interface Effort {
  rounds: number;
  /** How long each measurement takes. */
  seconds: number;
  quick: boolean;
}

export interface Comparison extends Figures {
  title: string;
  backlog: number;
  callers: number;
}

/** Measures all trials in turns, round after round, with each number of callers. */
export async function compare(trials: Trial[], callerCounts: number[], effort: Effort): Promise<Comparison[]> {
  const samples = new Map<string, Sample[]>();
  for (let round = 1; round <= effort.rounds; round++)
    for (const callers of callerCounts)
      for (const [index, trial] of trials.entries()) {
        const key = `${callers} ${index}`;
        const sample = await trial.measure(callers, effort.seconds);
        samples.set(key, [...(samples.get(key) ?? []), sample]);
        progress(`round ${round} of ${effort.rounds}, ${callers} callers, ${nameOf(trial)}`, sample);
      }
  return callerCounts.flatMap((callers) =>
    trials.map((trial, index) => ({
      title: trial.contender.title,
      backlog: trial.backlog,
      callers,
      ...summarize(samples.get(`${callers} ${index}`) ?? []),
    })),
  );
}

/** One table: callers, contender, backlog, figures, and what ours is in proportion to it. */
export function showComparisons(title: string, comparisons: Comparison[]): void {
  const rows = comparisons.map((row, index) => {
    const isFirst = comparisons[index - 1]?.callers !== row.callers;
    const ours = comparisons.find(({ callers }) => callers === row.callers);
    return [
      isFirst ? String(row.callers) : "",
      row.title,
      row.backlog.toLocaleString("en"),
      row.perSecond.toFixed(0),
      row.p50.toFixed(2),
      row.p99.toFixed(2),
      isFirst || ours === undefined ? "" : `${(ours.perSecond / row.perSecond).toFixed(2)} ×`,
    ];
  });
  process.stdout.write(
    `\n${title}\n\n${formatTable(["callers", "of", "backlog", "tasks/s", "p50 ms", "p99 ms", "ours is"], rows)}\n`,
  );
}

/** The best that contenders of that name reached with that many callers. */
export function bestOf(comparisons: Comparison[], callers: number, title: RegExp): number {
  const figures = comparisons.filter((row) => row.callers === callers && title.test(row.title));
  return Math.max(...figures.map(({ perSecond }) => perSecond));
}

export function progress(what: string, { tasks, seconds }: Pick<Sample, "tasks" | "seconds">): void {
  process.stderr.write(`${what}: ${(tasks / seconds).toFixed(0)}/s\n`);
}

function nameOf({ contender, backlog }: Trial): string {
  return `${contender.title}, backlog ${backlog}`;
}
