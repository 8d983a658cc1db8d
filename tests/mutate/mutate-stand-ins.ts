import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { copyTree } from "./copy-tree.ts";
import type { Verdict } from "./main.ts";
import { failsUnder } from "./run-vitest.ts";
import { STAND_IN_MUTANTS } from "./stand-in-mutants.ts";

/** Breaks one promise at a time in a copy of the tree and runs the tests that stand for it. */
export async function mutateStandIns(only: string, show: (verdict: Verdict) => void): Promise<Verdict[]> {
  const tree = copyTree();
  const verdicts: Verdict[] = [];
  try {
    for (const { title, file, find, replace, tests } of STAND_IN_MUTANTS) {
      if (!title.includes(only)) continue;
      const path = join(tree.dir, file);
      const original = await readFile(path, "utf8");
      const broken = original.replace(find, () => replace);
      if (broken === original) throw new Error(`"${title}": ${file} no longer contains what this mutant breaks`);
      await writeFile(path, broken);
      const verdict = { title, noticed: await failsUnder(tree.dir, tests) };
      await writeFile(path, original);
      show(verdict);
      verdicts.push(verdict);
    }
  } finally {
    tree.remove();
  }
  return verdicts;
}
