import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { startContractServer } from "./start-contract-server.ts";

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), "utf8");

test("the README shows the loop in Python as it is", async () => {
  expect(await read("README.md")).toContain(await read("agent/twenty-lines.py"));
});

test("that loop takes no task's result for the next one's, and leaves chunks the ends of their names", async () => {
  const server = await startContractServer();
  const name = "import os; print(os.environ['CORRAL_DATA'], file=open('result.csv', 'w'))";
  const [first, second, third] = server.add(
    { code: name, chunkName: "00001.parquet" },
    { code: "" },
    { code: name, chunkName: "00003.jsonl" },
  );
  const env = { ...process.env, CORRAL_URL: server.url, CORRAL_EMAIL: "owner@example.com" };
  const loop = spawn("python3", ["agent/twenty-lines.py"], { env, stdio: "inherit" });
  const ended = once(loop, "exit");
  await Promise.race([server.until(() => third?.state === "COMPLETED"), ended]);
  loop.kill();
  await ended;
  await server.stop();
  expect([...server.uploads.values()]).toEqual(["data.parquet\n", "data.jsonl\n"]);
  expect([first, second, third].map((task) => task?.resultUrl?.split("/").pop())).toEqual([
    "result.csv",
    "",
    "result.csv",
  ]);
});
