import { availableParallelism } from "node:os";
import type { LentCluster } from "./lend-cluster.ts";
import { type RunOutcome, runVitest } from "./run-vitest.ts";
import type { Verdict } from "./verdict.ts";

/** Throws unless the tests pass on a tree in which nothing is broken: their verdicts would mean nothing. */
export async function requireSound(tree: string, tests: string[], cluster: LentCluster): Promise<void> {
  const outcome = await runVitest(tree, tests, cluster);
  if (outcome.kind === "passed") return;
  const what = outcome.kind === "failed" ? `"${outcome.test}" fails: ${outcome.message}` : outcome.reason;
  throw new Error(`Nothing was mutated: the tests do not pass as they are. ${what}`);
}

/** What a run of the tests says of the mutant that they ran on. */
export function judge(title: string, outcome: RunOutcome): Verdict {
  switch (outcome.kind) {
    case "passed":
      return { title, outcome: "survived", detail: "" };
    case "failed":
      return { title, outcome: "noticed", detail: outcome.test };
    case "not_run":
      return { title, outcome: "invalid", detail: outcome.reason };
  }
}

/** Works through items in as many lanes as there are processors; each lane has a resource of its own. */
export async function inLanes<T, R extends { remove(): void }>(
  items: T[],
  open: () => R,
  work: (item: T, lane: R) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const lane = async () => {
    const resource = open();
    try {
      for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item, resource);
    } finally {
      resource.remove();
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), items.length) }, lane));
}
