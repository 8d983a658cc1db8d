import { type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ChildPool } from "../../../jobs/query/child-pool.ts";
import { QueryChild } from "../../../jobs/query/child-process.ts";
import { encodeMessage, encodeRows, readFrames } from "../../../jobs/query/frames.ts";
import { type QueryScene, startQueryScene } from "./start-query-scene.ts";

let scene: QueryScene;
beforeAll(async () => {
  scene = await startQueryScene();
});
afterAll(() => scene?.close());

test.runIf(process.platform === "linux")(
  "a child knows nothing of the environment, and the system bounds what it takes",
  async () => {
    const child = await scene.spawnChild();
    try {
      expect(await readFile(`/proc/${child.pid}/environ`, "utf8")).toBe("");
      const limits = await readFile(`/proc/${child.pid}/limits`, "utf8");
      const softLimits = Object.fromEntries(
        [...limits.matchAll(/^(Max .+?) {2,}(\S+) +(\S+)/gm)].map(([, name, soft, hard]) => [name, [soft, hard]]),
      );
      const data = String((512 + 256) * 1024 * 1024);
      expect(softLimits).toMatchObject({
        "Max data size": [data, data],
        "Max file size": ["0", "0"],
        "Max core file size": ["0", "0"],
        "Max cpu time": ["60", "65"],
      });
    } finally {
      await child.kill();
    }
  },
);

test("a child whose runner is gone ends", async () => {
  const stdio: StdioOptions = ["pipe", "ignore", "ignore", "pipe"];
  const child = spawn(process.execPath, [fileURLToPath(scene.childFile)], { stdio });
  child.stdin?.end();
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("of children that were ended nothing is left when their pool is closed", async () => {
  const scratchDir = await mkdtemp(join(tmpdir(), "corral-pool-"));
  try {
    const limits = { memoryMb: 512, cpuSeconds: 60, size: 1, holders: 1, startsAtOnce: 1 };
    const pool = new ChildPool({ file: scene.childFile, scratchDir, ...limits, log: () => undefined });
    const child = await pool.take(new Set());
    expect(await readdir(scratchDir)).not.toEqual([]);
    pool.end(child);
    await pool.close();
    expect([child.isAlive, await readdir(scratchDir)]).toEqual([false, []]);
  } finally {
    await rm(scratchDir, { recursive: true });
  }
});

test.each([
  ["SIGXCPU", "query_timeout", /more of the processor/],
  ["SIGKILL", "query_memory", /most likely for the memory/],
  ["SIGSEGV", "sql_error", /made the engine crash \(SIGSEGV\)/],
] as const)("a child that the system ends by %s says what that means", async (signal, code, message) => {
  const child = await scene.spawnChild();
  process.kill(child.pid ?? 0, signal);
  await expect(child.next()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  await child.kill();
});

test.runIf(process.platform === "linux")("a query that takes too much of the processor is told so", async () => {
  const child = await scene.spawnChild({ cpuSeconds: 2 });
  child.ask({ ask: "judge", sql: "SELECT sum(hash(a.range)) FROM range(1000000000000) a", grants: [] });
  await child.expect("reads");
  child.ask({ ask: "run", files: [], parameters: null, format: "json", memoryMb: 256, threads: 1 });
  await expect(child.next()).rejects.toMatchObject({
    code: "query_timeout",
    message: expect.stringMatching(/processor/),
  });
  await child.kill();
});

test("a child that tells nonsense is not believed", async () => {
  const frames = readFrames(stream([Buffer.from("x12345")]));
  await expect(frames.next()).rejects.toThrow("not a frame");
});

test("frames are put together however they were cut", async () => {
  const bytes = Buffer.concat([encodeMessage({ a: 1 }), encodeRows(3, "é\n"), encodeMessage({})]);
  for (const size of [1, 2, 3, 7, bytes.length]) {
    const cuts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    );
    const frames = [];
    for await (const frame of readFrames(stream(cuts))) frames.push(frame);
    expect(frames.map(({ kind, payload }) => [kind, payload.toString("latin1")])).toEqual([
      ["message", '{"a":1}'],
      ["rows", "\u0003\u0000\u0000\u0000\u00c3\u00a9\n"],
      ["message", "{}"],
    ]);
  }
});

test("a child that cannot be started is no child", async () => {
  const file = new URL("file:///nowhere/query-child.mjs");
  const options = { file, scratchDir: scene.scratchDir, memoryMb: 512, cpuSeconds: 60 };
  await expect(QueryChild.spawn(options)).rejects.toThrow(/The child ended with 1[\s\S]*Cannot find module/);
});

async function* stream(chunks: Buffer[]) {
  yield* chunks;
}
