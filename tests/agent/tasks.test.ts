import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { expectGone } from "./expect-gone.ts";
import { createMachine, type Machine } from "./start-agent.ts";
import { type ContractServer, startContractServer, type TaskSpec } from "./start-contract-server.ts";

let server: ContractServer;
let machine: Machine;

beforeEach(async () => {
  server = await startContractServer();
  machine = await createMachine(() => server.url);
});
afterEach(async () => {
  await machine.close();
  await server.stop();
});

/** Has an agent do one task and exit. */
async function doOnce(spec: TaskSpec, args: string[] = [], env?: Record<string, string>) {
  const [task] = server.add(spec);
  const agent = machine.start(["--once", ...args], env);
  const exitCode = await agent.exit;
  if (task === undefined) throw new Error("No task was added");
  return { task, exitCode, failure: task.failures[0], agent };
}

const SUM_PY = `
import csv, json, os
rows = list(csv.DictReader(open(os.environ["CORRAL_DATA"])))
json.dump({"sum": sum(float(row["x"]) for row in rows)}, open("result.json", "w"))
json.dump({"rows": len(rows)}, open("metrics.json", "w"))
`;

test("a .py is run on its chunk; its result is uploaded to the signed URL and the task completed with it", async () => {
  const { task, exitCode } = await doOnce({ code: SUM_PY, chunk: "x\n1\n2.5\n" });
  expect(exitCode).toBe(0);
  const path = `/results/${task.id}/1/result.json`;
  expect(task).toMatchObject({ state: "COMPLETED", resultUrl: `gs://bucket${path}`, rows: 2 });
  expect(server.uploads.get(path)).toBe('{"sum": 3.5}');
});

test("a .mjs is run by node, and the chunk lies beside it under its own name", async () => {
  const code = `import { readFileSync, writeFileSync } from "node:fs";
    writeFileSync("result.csv", readFileSync("00042.csv", "utf8").toUpperCase());`;
  const { task } = await doOnce({ code, codeName: "train.mjs", chunk: "a,b\n", chunkName: "00042.csv" });
  expect(task.state).toBe("COMPLETED");
  expect([...server.uploads.values()]).toEqual(["A,B\n"]);
});

test("a script that leaves no result completes its task with an empty URL", async () => {
  const { task } = await doOnce({ code: "print('nothing to see')" });
  expect(task).toMatchObject({ state: "COMPLETED", resultUrl: "", rows: null });
  expect(server.callsTo("/agent/upload_url")).toEqual([]);
});

test("the chunk does not pass for a result, whatever it is called", async () => {
  const code = 'import os; assert os.path.exists(os.environ["CORRAL_DATA"])';
  const { task } = await doOnce({ code, chunk: "x\n", chunkName: "result.csv" });
  expect(task).toMatchObject({ state: "COMPLETED", resultUrl: "" });
});

test.each([
  ["a link", 'os.symlink("/etc/passwd", "model.pth")'],
  ["a folder", 'os.mkdir("model.pth")'],
  ["no file", 'os.mkfifo("model.pth")'],
])("a result that is %s fails its task, for another try", async (kind, code) => {
  const { task, exitCode, failure } = await doOnce({ code: `import os\n${code}` });
  expect([task.state, exitCode]).toEqual(["FAILED", 1]);
  expect(failure).toMatchObject({ retryable: true, reason: `The result model.pth is ${kind}. Leave a plain file.` });
  expect(server.callsTo("/agent/upload_url")).toEqual([]);
});

test("a script's environment holds what is documented and nothing of the agent's", async () => {
  const code = 'import json, os; json.dump({"env": dict(os.environ), "cwd": os.getcwd()}, open("result.json", "w"))';
  const { task } = await doOnce({ code }, [], { AWS_SECRET_ACCESS_KEY: "hush", NODE_OPTIONS: "--no-warnings" });
  const { env, cwd } = JSON.parse([...server.uploads.values()][0] ?? "");
  // Set by Python itself and by the shell that sets the limits.
  for (const own of ["LC_CTYPE", "PWD", "OLDPWD", "SHLVL", "_"]) delete env[own];
  expect(env).toEqual({
    PATH: process.env.PATH,
    HOME: cwd,
    TMPDIR: cwd,
    LANG: "C.UTF-8",
    PYTHONUNBUFFERED: "1",
    CORRAL_DATA: join(cwd, "00001.csv"),
    CORRAL_TASK_ID: String(task.id),
    CORRAL_JOB_ID: "1",
    CORRAL_ATTEMPT: "1",
  });
});

test("nothing of a task stays on the machine", async () => {
  const { agent } = await doOnce({ code: 'open("model.pth", "w").write("weights")' });
  const { agent_id } = await agent.until("registered");
  expect(await readdir(join(machine.folder, "work", String(agent_id), "tasks"))).toEqual([]);
});

test("a script that fails fails its task, with the end of its log, for another try", async () => {
  const code = 'print("x" * 5000)\nprint("epoch 3: loss is nan")\nraise SystemExit(3)';
  const { task, exitCode, failure } = await doOnce({ code });
  expect(exitCode).toBe(1);
  expect(task.state).toBe("FAILED");
  expect(failure).toMatchObject({ retryable: true, give_back: false });
  expect(failure?.reason).toMatch(/^The script exited with 3\.\nx+\nepoch 3: loss is nan$/);
  expect(failure?.reason.length).toBeLessThanOrEqual(2000);
});

test("a script of an unknown kind fails its task for good", async () => {
  const { failure } = await doOnce({ code: "echo hello", codeName: "train.sh" });
  expect(failure).toEqual({
    reason: "Cannot run train.sh: it is no .py, .mjs or .js.",
    retryable: false,
    give_back: false,
  });
});

test("a file that is not there fails the task without a word of its URL's signature", async () => {
  server.fault = ({ path }) => (path.endsWith("train.py") ? { status: 403 } : undefined);
  const { task, failure } = await doOnce({ code: "" });
  const url = `${server.url}/files/${task.id}/train.py`;
  expect(failure?.reason).toBe(`Cannot download ${url}: answered 403`);
});

test("a script that takes too long is killed with all it started, and the task fails for another try", async () => {
  const code = `import subprocess, time
print(subprocess.Popen(["sleep", "600"]).pid, flush=True)
time.sleep(600)`;
  const { failure } = await doOnce({ code, timeoutSeconds: 2 });
  expect(failure).toMatchObject({ retryable: true });
  const [, pid] = /^Timed out after 2 s\.\n(\d+)$/.exec(failure?.reason ?? "") ?? [];
  await expectGone(Number(pid));
});

test("what a script leaves running ends with it", async () => {
  const code = `import subprocess
open("result.csv", "w").write(str(subprocess.Popen(["sleep", "600"]).pid))`;
  const { task } = await doOnce({ code });
  expect(task.state).toBe("COMPLETED");
  await expectGone(Number([...server.uploads.values()][0]));
});

/** Leaves a process in a session of its own, which holds the script's output open. */
const DAEMON = `import subprocess
pid = subprocess.Popen(["sleep", "600"], start_new_session=True).pid
print(pid, flush=True)
`;

test("a daemon that a script leaves holds up nothing: the result counts", async () => {
  const startedAt = performance.now();
  const { task, exitCode } = await doOnce({
    code: `${DAEMON}open("result.csv", "w").write(str(pid))`,
    timeoutSeconds: 60,
  });
  expect([task.state, exitCode]).toEqual(["COMPLETED", 0]);
  expect(performance.now() - startedAt).toBeLessThan(30_000);
  const pid = Number([...server.uploads.values()][0]);
  if (process.platform === "linux") await expectGone(pid);
  else process.kill(pid);
});

test("a daemon that has another HOME is not found, and holds up nothing either", async () => {
  const code = `import os, subprocess
pid = subprocess.Popen(["sleep", "600"], start_new_session=True, env={"PATH": os.environ["PATH"]}).pid
open("result.csv", "w").write(str(pid))`;
  const { task } = await doOnce({ code, timeoutSeconds: 60 });
  expect(task.state).toBe("COMPLETED");
  // It lives on: signalling it does not throw.
  process.kill(Number([...server.uploads.values()][0]), "SIGKILL");
});

test.runIf(process.platform === "linux")("a script that takes too long is killed with its daemons", async () => {
  const { failure } = await doOnce({ code: `${DAEMON}import time\ntime.sleep(600)`, timeoutSeconds: 2 });
  const [, pid] = /^Timed out after 2 s\.\n(\d+)$/.exec(failure?.reason ?? "") ?? [];
  await expectGone(Number(pid));
});

test.runIf(process.platform === "linux")("Python cannot have more memory than the limit", async () => {
  const { failure } = await doOnce({ code: "bytearray(700 * 2**20)" }, ["--memory-mb", "512"]);
  expect(failure?.reason).toMatch(/^The script exited with 1\.[\s\S]*MemoryError$/);
});

test.runIf(process.platform === "linux")(
  "Node cannot have more memory than the limit, on its heap or off it",
  async () => {
    const heap = "const all = []; for (;;) all.push(new Array(1000).fill(all.length));";
    const onHeap = await doOnce({ code: heap, codeName: "train.mjs" }, ["--memory-mb", "256"]);
    expect(onHeap.failure?.reason).toContain("JavaScript heap out of memory");
    const off = "const all = []; for (;;) all.push(Buffer.alloc(2 ** 24, 1));";
    const offHeap = await doOnce({ code: off, codeName: "train.mjs" }, ["--memory-mb", "256"]);
    expect(offHeap.failure?.reason).toMatch(/allocation failed|out of memory/i);
  },
);

test("the end of the log and how far the script is are sent while it runs", async () => {
  const code = `import time
print("loading")
print("progress 0.25")
print("epoch 1\\repoch 2")
time.sleep(60)`;
  const [task] = server.add({ code, timeoutSeconds: 60 });
  machine.start(["--once"]);
  await server.until(() => server.callsTo("/agent/progress").length > 0);
  expect(server.callsTo("/agent/progress")[0]?.body).toMatchObject({
    task_id: task?.id,
    attempt: 1,
    progress: 0.25,
    message: "loading\nprogress 0.25\nepoch 2",
  });
});
