import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createMachine, type Machine } from "./start-agent.ts";
import { type ContractServer, SWARM_TOKEN, startContractServer } from "./start-contract-server.ts";

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

const QUICK = { code: "", codeName: "train.mjs" };
const LONG = { code: "import time\nprint('working', flush=True)\ntime.sleep(600)" };

/** Answers the first so many calls of a path with a fault. */
function failFirst(path: string, count: number, fault: ReturnType<ContractServer["fault"]>): void {
  let left = count;
  server.fault = (call) => (call.path === path && left-- > 0 ? fault : undefined);
}

test("it registers with what the machine has and what it was told", async () => {
  const args = ["--once", "--tags", "fast, cheap", "--heartbeat-interval", "7"];
  // As on a machine without a GPU.
  const agent = machine.start(args, { PATH: await machine.withProgram("nvidia-smi", "exit 9") });
  expect(await agent.exit).toBe(0);
  expect(server.callsTo("/agent/register").map(({ body }) => body)).toEqual([
    {
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      email: "owner@example.com",
      gpu_model: null,
      ram_total: expect.stringMatching(/^\d+(\.\d)?GB$/),
      tags: ["fast", "cheap"],
      heartbeat_interval_seconds: 7,
    },
  ]);
});

test("its GPU is the first that nvidia-smi names", async () => {
  const PATH = await machine.withProgram("nvidia-smi", "echo 'NVIDIA RTX 4090\nNVIDIA T4'");
  await machine.start(["--once"], { PATH }).exit;
  expect(server.callsTo("/agent/register")[0]?.body.gpu_model).toBe("NVIDIA RTX 4090");
});

test("it enrols with the swarm token, keeps its id and token in a file of its own, and is the same agent next time", async () => {
  server.requiresToken = true;
  await machine.start(["--once"], { CORRAL_SWARM_TOKEN: SWARM_TOKEN }).exit;
  await machine.start(["--once", "--swarm-token", SWARM_TOKEN]).exit;
  const [first, second] = server.callsTo("/agent/register");
  const token = server.agents.get(first?.body.id)?.token;
  expect(second?.body.id).toBe(first?.body.id);
  expect([first?.token, second?.token]).toEqual([SWARM_TOKEN, token]);
  expect(server.callsTo("/agent/request_task").map((call) => call.token)).toEqual([token, token]);
  expect((await stat(machine.idFile)).mode & 0o777).toBe(0o600);
  expect(await readFile(machine.idFile, "utf8")).not.toContain(SWARM_TOKEN);
});

test("for another owner it is another agent", async () => {
  await machine.start(["--once"]).exit;
  await machine.start(["--once", "--email", "other@example.com"]).exit;
  await machine.start(["--once", "--email", "Owner@example.com"]).exit;
  const [first, other, again] = server.callsTo("/agent/register").map(({ body }) => body.id);
  expect(other).not.toBe(first);
  expect(again).toBe(first);
});

test("two agents cannot be the same at the same time", async () => {
  server.pollAfterSeconds = 60;
  await machine.start().until("idle");
  const second = machine.start();
  expect(await second.exit).toBe(1);
  expect(second.lines.at(-1)?.message).toBe(
    `Another agent is running as ${machine.idFile}. Give this one a file of its own with --id-file.`,
  );
});

test("it leaves when the server does not know its owner, with the server's words", async () => {
  const agent = machine.start(["--email", "nobody@example.com"]);
  expect(await agent.exit).toBe(1);
  expect(agent.lines.at(-1)).toMatchObject({ event: "fatal", message: "404 Owner email not found." });
});

test("a server that has lost its agents gets this one again", async () => {
  server.requiresToken = true;
  const agent = machine.start(["--swarm-token", SWARM_TOKEN]);
  await agent.until("idle");
  server.agents.clear();
  server.add(QUICK);
  await agent.until("completed");
  expect(server.agents.size).toBe(1);
  // Its own token means nothing any more.
  const tokens = server.callsTo("/agent/register").map(({ token }) => token);
  expect(tokens).toEqual([SWARM_TOKEN, expect.stringMatching(/^token-of-/), SWARM_TOKEN]);
});

test("an id that the server takes for somebody else's is given up for a new one", async () => {
  await machine.start(["--once"]).exit;
  const [id] = server.agents.keys();
  server.agents.set(id ?? "", { token: "changed", email: "" });
  const agent = machine.start(["--once"]);
  expect(await agent.exit).toBe(0);
  await agent.until("renewed");
  expect(server.agents.size).toBe(2);
});

test("an agent whose token is lost on the way enrols as a new one", async () => {
  server.requiresToken = true;
  failFirst("/agent/register", 1, "lose_reply");
  const agent = machine.start(["--once", "--swarm-token", SWARM_TOKEN]);
  expect(await agent.exit).toBe(0);
  expect(server.agents.size).toBe(2);
});

test("a call that finds the server overloaded is made again, not before it was asked to", async () => {
  failFirst("/agent/register", 2, { status: 429, headers: { "retry-after": "1" } });
  expect(await machine.start(["--once"]).exit).toBe(0);
  const [first, second, third] = server.callsTo("/agent/register").map(({ at }) => at);
  expect(second).toBeGreaterThan((first ?? 0) + 1000);
  expect(third).toBeGreaterThan((second ?? 0) + 1000);
});

test("what is no reply of ours is no reply", async () => {
  failFirst("/agent/request_task", 1, { status: 200, body: "<html>Log in to the hotel's network</html>" });
  server.add(QUICK);
  expect(await machine.start(["--once"]).exit).toBe(0);
  expect(server.tasks[0]?.state).toBe("COMPLETED");
});

test("a claim whose reply is lost is repeated by its id and gives the same task", async () => {
  server.add(QUICK, QUICK, QUICK);
  const isClaim = ({ path, body }: { path: string; body: { claim?: boolean } | null }) =>
    path === "/agent/request_task" || (path === "/agent/cycle" && body?.claim === true);
  const seen = new Set<string>();
  server.fault = (call) => {
    if (!isClaim(call)) return undefined;
    // Each claim is acted upon at once, and answered the second time.
    const key = call.body.request_id ?? "first";
    if (seen.has(key)) return undefined;
    seen.add(key);
    return "lose_reply";
  };
  machine.start();
  await server.until(() => server.tasks.every(({ state }) => state === "COMPLETED"));
  expect(server.tasks.map(({ attempt }) => attempt)).toEqual([1, 1, 1]);
});

test("a download that breaks off and an upload that fails are tried again, the upload by a new URL", async () => {
  server.add({ code: 'open("model.pth", "w").write("weights")' });
  const faults = new Map<string, ReturnType<ContractServer["fault"]>>([
    ["train.py", "lose_reply"],
    ["00001.csv", { status: 503 }],
    ["model.pth", { status: 403 }],
  ]);
  server.fault = ({ path }) => {
    const name = path.split("/").pop() ?? "";
    const fault = faults.get(name);
    faults.delete(name);
    return fault;
  };
  expect(await machine.start(["--once"]).exit).toBe(0);
  expect(faults.size).toBe(0);
  expect([...server.uploads.values()]).toEqual(["weights"]);
  expect(server.callsTo("/agent/upload_url")).toHaveLength(2);
});

test("it works on while the server is restarted", async () => {
  const [task] = server.add({
    code: `import os, time
open("result.csv", "w").write("done")
print("waiting", flush=True)
while not os.path.exists("../go"): time.sleep(0.05)`,
  });
  const agent = machine.start();
  await server.until(() => server.callsTo("/agent/progress").length > 0);
  await server.stop();
  const { agent_id } = await agent.until("registered");
  await writeFile(join(machine.folder, "work", String(agent_id), "tasks", "go"), "");
  await agent.until("retry");
  await server.start();
  await agent.until("completed");
  expect(task).toMatchObject({ state: "COMPLETED", attempt: 1 });
});

test("it completes a task and claims the next in one round trip, and polls only when there is none", async () => {
  server.add(QUICK, QUICK, QUICK);
  server.pollAfterSeconds = 60;
  const agent = machine.start();
  await server.until(() => server.tasks.every(({ state }) => state === "COMPLETED"));
  await server.until(() => server.callsTo("/agent/heartbeat").at(-1)?.body.status === "IDLE");
  agent.child.kill("SIGTERM");
  await agent.exit;
  expect(server.callsTo("/agent/request_task")).toHaveLength(1);
  expect(server.callsTo("/agent/cycle")).toHaveLength(3);
  expect(server.callsTo("/agent/complete_task")).toHaveLength(0);
});

test("an idle agent comes back when it is told to", async () => {
  server.pollAfterSeconds = 0.6;
  machine.start();
  await server.until(() => server.callsTo("/agent/request_task").length === 3);
  const [first, second, third] = server.callsTo("/agent/request_task").map(({ at }) => at);
  expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(590);
  expect((third ?? 0) - (second ?? 0)).toBeGreaterThan(590);
});

test("it holds as many tasks as it may, each by a claim of its own", async () => {
  server.add(LONG, LONG, LONG, LONG);
  machine.start(["--concurrency", "3", "--heartbeat-interval", "1"]);
  const held = () => server.callsTo("/agent/heartbeat").at(-1)?.body.tasks?.length;
  await server.until(() => held() === 3);
  const running = server.tasks.filter(({ state }) => state === "RUNNING");
  expect(running).toHaveLength(3);
  expect(new Set(running.map(({ request }) => request)).size).toBe(3);
});

test("it tells at once that it works, and beats on while it does, naming its tasks", async () => {
  const [task] = server.add(LONG);
  machine.start(["--heartbeat-interval", "2"]);
  await server.until(() => server.callsTo("/agent/heartbeat").length >= 3);
  const [first, second, third] = server.callsTo("/agent/heartbeat");
  expect(third?.body).toEqual({
    id: expect.any(String),
    status: "BUSY",
    tasks: [{ task_id: task?.id, attempt: 1 }],
  });
  const claimedAt = server.callsTo("/agent/request_task")[0]?.at ?? 0;
  expect((first?.at ?? 0) - claimedAt).toBeLessThan(2000);
  expect((third?.at ?? 0) - (second?.at ?? 0)).toBeGreaterThan(1900);
});

test("a heartbeat that is not answered holds up nothing", async () => {
  server.add({ ...QUICK, code: "await new Promise((resolve) => setTimeout(resolve, 1500));" });
  server.fault = ({ path }) => (path === "/agent/heartbeat" ? "hang" : undefined);
  const agent = machine.start(["--heartbeat-interval", "1", "--once"]);
  expect(await agent.exit).toBe(0);
  await agent.until("unheard");
  expect(server.tasks[0]?.state).toBe("COMPLETED");
});

test("a task that a heartbeat's reply takes away is killed and reported to nobody, and the next one is done", async () => {
  const [lost, next] = server.add(LONG, QUICK);
  if (lost === undefined) throw new Error("No task was added");
  const agent = machine.start(["--heartbeat-interval", "1"]);
  await agent.until("claimed");
  server.takeAway(lost);
  await agent.until("lost");
  await agent.until("completed");
  expect(next?.state).toBe("COMPLETED");
  expect(server.callsTo("/agent/fail_task")).toEqual([]);
});

test("a machine that fails every task does not rush through them all", async () => {
  server.add(...Array.from({ length: 20 }, () => ({ code: "exit 1", codeName: "train.sh" })));
  machine.start();
  const fails = () => server.callsTo("/agent/fail_task");
  await server.until(() => fails().length === 3);
  const [, second, third] = fails().map(({ at }) => at);
  expect((third ?? 0) - (second ?? 0)).toBeGreaterThan(500);
});
