import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { expect, it } from "vitest";
import { makeScratch } from "../../../jobs/snowflake-to-duckdb/make-scratch.ts";

it("a scratch folder is new, and those of killed processes are gone, but nobody else's", async () => {
  const parent = await mkdtemp(join(tmpdir(), "corral-scratch-test-"));
  try {
    const ended = spawn(process.execPath, ["--version"], { stdio: "ignore" });
    await once(ended, "exit");
    const dead = [ended.pid, process.pid].map((pid) => `corral-sync-${hostname()}-${pid}-abcdef`);
    const others = [
      `corral-sync-${hostname()}-${process.ppid}-abcdef`,
      `corral-sync-another.${hostname()}-${ended.pid}-abcdef`,
      `corral-sync-${hostname()}-lane`,
      "corral-sync-lane-abcdef",
    ];
    for (const name of [...dead, ...others]) await mkdir(join(parent, name, "spill"), { recursive: true });
    const made = await makeScratch(parent);
    expect(await readdir(made)).toEqual([]);
    expect((await readdir(parent)).sort()).toEqual([...others, basename(made)].sort());
  } finally {
    await rm(parent, { recursive: true });
  }
});
