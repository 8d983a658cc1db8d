import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createMachine, type Machine } from "../agent/start-agent.ts";
import { startTestCloud, type TestCloud } from "./start-test-cloud.ts";
import { waitFor } from "./wait-for.ts";

// The reference agent against the whole cloud: an upload is split, two agents work, one is killed, the results are one.

const TASKS = 8;
const NUMBERS = Array.from({ length: 400 }, (_, index) => index + 1);
const DATA = `x\n${NUMBERS.join("\n")}\n`;

let cloud: TestCloud;
let machines: Machine[];

beforeAll(async () => {
  cloud = await startTestCloud();
  machines = await Promise.all([1, 2].map(() => createMachine(() => cloud.info.functions_url)));
});
afterAll(async () => {
  await Promise.all(machines.map((machine) => machine.close()));
  await cloud.close();
});

const SQUARES = `import { readFileSync, writeFileSync } from "node:fs";
const [header, ...rows] = readFileSync(process.env.CORRAL_DATA, "utf8").trim().split("\\n");
// Long enough for an agent to be killed in the middle.
await new Promise((resolve) => setTimeout(resolve, 1000));
writeFileSync("result.csv", [header + ",square", ...rows.map((row) => row + "," + Number(row) ** 2)].join("\\n") + "\\n");
writeFileSync("metrics.json", JSON.stringify({ rows: rows.length }));`;

async function uploadJob(code: File, data: string): Promise<number> {
  const form = new FormData();
  form.set("title", "Squares");
  form.set("user_id", cloud.info.owner.id);
  form.set("chunks", String(TASKS));
  form.set("file_code", code);
  form.set("file_req", new File([""], "requirements.txt"));
  form.set("file_data", new File([data], "numbers.csv"));
  const reply = await fetch(`${cloud.info.functions_url}/jobs/upload`, { method: "POST", body: form });
  const body: { job_id: number } = await reply.json();
  expect(reply.status, JSON.stringify(body)).toBe(200);
  return body.job_id;
}

/** The job, once it is in one of these states. */
const untilJob = (id: number, states: string[]) =>
  waitFor(async () => {
    const job = await (await fetch(`${cloud.info.functions_url}/jobs/${id}`)).json();
    return states.includes(job.status) ? job : undefined;
  });

test("a job that is uploaded is done by two agents, though one dies in the middle", async () => {
  const job = await uploadJob(new File([SQUARES], "squares.mjs"), DATA);
  await untilJob(job, ["RUNNING"]);
  const args = ["--email", cloud.info.owner.email, "--heartbeat-interval", "1"];
  const [doomed, steady] = machines.map((machine) => machine.start(args));
  await doomed?.until("claimed");
  doomed?.child.kill("SIGKILL");
  await steady?.until("completed");
  // The same agent again: what it held when it died it gives back, or is given once more.
  const [first] = machines;
  const again = first?.start(args);

  const done = await untilJob(job, ["COMPLETED", "FAILED"]);
  expect(done).toMatchObject({ status: "COMPLETED", total_subtasks: TASKS, completed_subtasks: TASKS });
  const lines = (await (await fetch(done.final_result_url)).text()).trim().split("\n");
  expect(lines).toEqual(["x,square", ...NUMBERS.map((x) => `${x},${x ** 2}`)]);

  for (const agent of [steady, again]) {
    agent?.child.kill("SIGINT");
    expect(await agent?.exit).toBe(130);
  }
  expect(JSON.parse(await readFile(first?.idFile ?? "", "utf8")).agents).toHaveLength(1);
});

test("the loop in twenty lines of Python does a job as well", async () => {
  const code = "import os, shutil; shutil.copy(os.environ['CORRAL_DATA'], 'result.csv')";
  const job = await uploadJob(new File([code], "train.py"), DATA);
  const script = resolve("agent/twenty-lines.py");
  const loop = spawn("python3", [script], {
    cwd: machines[0]?.folder,
    env: { ...process.env, CORRAL_URL: cloud.info.functions_url, CORRAL_EMAIL: cloud.info.owner.email },
    stdio: "inherit",
  });
  const ended = once(loop, "exit");
  const done = await Promise.race([untilJob(job, ["COMPLETED", "FAILED"]), ended]);
  loop.kill();
  await ended;
  expect(done).toMatchObject({ status: "COMPLETED", completed_subtasks: TASKS });
  expect(await (await fetch(done.final_result_url)).text()).toBe(DATA);
});
