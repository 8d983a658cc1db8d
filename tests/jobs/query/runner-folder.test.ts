import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openRunnerFolder } from "../../../jobs/query/runner-folder.ts";

/** The number of a process that is gone. */
async function gonePid(): Promise<number | undefined> {
  const child = spawn("/bin/sh", ["-c", "exit 0"]);
  await once(child, "exit");
  return child.pid;
}

test("what crashed runners left is removed, and what belongs to others stays", async () => {
  const parent = await mkdtemp(join(tmpdir(), "corral-runners-"));
  try {
    const leftovers = [`runner-${await gonePid()}-abc`, `runner-${process.pid}-old`];
    const others = [`runner-${process.ppid}-xyz`, "runner-of-somebody", "notes"];
    for (const name of [...leftovers, ...others]) {
      await mkdir(join(parent, name));
      await writeFile(join(parent, name, "table.duckdb"), "x");
    }
    const mine = await openRunnerFolder(parent);
    expect(mine.startsWith(join(parent, `runner-${process.pid}-`))).toBe(true);
    const names = (await readdir(parent)).map((name) => join(parent, name));
    expect(names.toSorted()).toEqual([mine, ...others.map((name) => join(parent, name))].toSorted());
  } finally {
    await rm(parent, { recursive: true });
  }
});
