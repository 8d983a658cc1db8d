import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { transform } from "esbuild";
import { copyTree } from "./copy-tree.ts";
import { inLanes, judge } from "./judge.ts";
import type { LentCluster } from "./lend-cluster.ts";
import { runVitest } from "./run-vitest.ts";
import type { StandInMutant } from "./stand-in-mutant.ts";
import type { Show, Verdict } from "./verdict.ts";

/** Breaks one promise at a time in a copy of the tree and runs the tests that stand for it. */
export async function mutateStandIns(mutants: StandInMutant[], cluster: LentCluster, show: Show): Promise<void> {
  await refuseStale(mutants);
  await inLanes(mutants, copyTree, async (mutant, tree) => show(await tryMutant(mutant, tree.dir, cluster)));
}

async function tryMutant(mutant: StandInMutant, tree: string, cluster: LentCluster): Promise<Verdict> {
  const { title, file, find, replace, tests } = mutant;
  const path = join(tree, file);
  const original = await readFile(path, "utf8");
  const broken = original.replace(find, () => replace);
  const complaint = await complaintOfCompiler(file, broken);
  if (complaint !== undefined) return { title, outcome: "invalid", detail: complaint };
  await writeFile(path, broken);
  try {
    // The lent cluster was made by the unbroken SQL.
    return judge(title, await runVitest(tree, tests, file.endsWith(".sql") ? undefined : cluster));
  } finally {
    await writeFile(path, original);
  }
}

async function complaintOfCompiler(file: string, source: string): Promise<string | undefined> {
  if (!file.endsWith(".ts")) return undefined;
  try {
    await transform(source, { loader: "ts", logLevel: "silent" });
    return undefined;
  } catch (error) {
    return String(error);
  }
}

/** A mutant whose text is gone, or stands there twice, would break nothing or something else. */
async function refuseStale(mutants: StandInMutant[]): Promise<void> {
  const complaints: string[] = [];
  for (const { title, file, find, replace } of mutants) {
    const count = (await readFile(file, "utf8")).split(find).length - 1;
    if (count !== 1) complaints.push(`"${title}": ${file} holds ${count} times what this mutant breaks`);
    if (find === replace) complaints.push(`"${title}" changes nothing`);
  }
  if (complaints.length > 0) throw new Error(`Nothing was mutated. Correct these first:\n${complaints.join("\n")}`);
}
