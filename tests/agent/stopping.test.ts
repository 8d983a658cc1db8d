import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { expectGone } from "./expect-gone.ts";
import { type AgentProcess, createMachine, type Machine } from "./start-agent.ts";
import { type ContractServer, startContractServer } from "./start-contract-server.ts";

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

/** Tells its pid as progress and goes on for long. */
const LONG = { code: "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)" };

/** Starts an agent with one long task, and resolves once its script runs. */
async function startBusy(args: string[] = []): Promise<{ agent: AgentProcess; pid: number }> {
  server.add(LONG);
  const agent = machine.start(args);
  await server.until(() => server.callsTo("/agent/progress").length > 0);
  return { agent, pid: Number(server.callsTo("/agent/progress")[0]?.body.message) };
}

test.each([
  ["Ctrl-C", "SIGINT", 130],
  ["SIGTERM", "SIGTERM", 0],
] as const)("on %s it kills its scripts and gives its tasks back, with their attempt", async (_name, signal, code) => {
  const { agent, pid } = await startBusy();
  agent.child.kill(signal);
  expect(await agent.exit).toBe(code);
  await expectGone(pid);
  expect(server.tasks[0]).toMatchObject({ state: "PENDING", failures: [{ give_back: true }] });
  expect(server.callsTo("/agent/fail_task")).toMatchObject([{ body: { attempt: 1 } }]);
});

test("on Ctrl-C it does not wait for a daemon that holds a script's output open", async () => {
  const code = `import os, subprocess, time
pid = subprocess.Popen(["sleep", "600"], start_new_session=True, env={"PATH": os.environ["PATH"]}).pid
print(pid, flush=True)
time.sleep(600)`;
  server.add({ code });
  const agent = machine.start();
  await server.until(() => server.callsTo("/agent/progress").length > 0);
  agent.child.kill("SIGINT");
  expect(await agent.exit).toBe(130);
  expect(server.tasks[0]).toMatchObject({ state: "PENDING", failures: [{ give_back: true }] });
  process.kill(Number(server.callsTo("/agent/progress")[0]?.body.message), "SIGKILL");
});

test("an idle agent stops at once", async () => {
  server.pollAfterSeconds = 600;
  const agent = machine.start();
  await agent.until("idle");
  agent.child.kill("SIGINT");
  expect(await agent.exit).toBe(130);
});

test("an agent that waits for a server stops at once", async () => {
  server.fault = () => ({ status: 503, headers: { "retry-after": "600" } });
  const agent = machine.start();
  await agent.until("retry");
  agent.child.kill("SIGINT");
  expect(await agent.exit).toBe(130);
});

test("a task that arrives while it stops is given back as well", async () => {
  server.add(LONG);
  let release = () => {};
  const asked = new Promise<void>((resolve) => {
    release = resolve;
  });
  const agent = machine.start();
  server.fault = ({ path }) => {
    if (path === "/agent/request_task") {
      agent.child.kill("SIGTERM");
      release();
    }
    return undefined;
  };
  await asked;
  expect(await agent.exit).toBe(0);
  expect(server.tasks[0]?.state).toBe("PENDING");
});

test("a second Ctrl-C leaves at once, and its scripts die with it", async () => {
  server.fault = ({ path }) => (path === "/agent/fail_task" ? "hang" : undefined);
  const { agent, pid } = await startBusy();
  agent.child.kill("SIGINT");
  await server.until(() => server.callsTo("/agent/fail_task").length > 0);
  // A repetition within half a second counts as an echo of the first.
  while (agent.child.exitCode === null) {
    agent.child.kill("SIGINT");
    await sleep(50);
  }
  expect(await agent.exit).toBe(130);
  await expectGone(pid);
});

test("an agent that is killed takes its scripts with it, and gives its tasks back when it starts again", async () => {
  const { agent, pid } = await startBusy();
  agent.child.kill("SIGKILL");
  await agent.exit;
  await expectGone(pid);
  expect(server.tasks[0]?.state).toBe("RUNNING");

  const again = machine.start();
  await again.until("given_back");
  await server.until(() => server.tasks[0]?.attempt === 2);
});

test.runIf(process.platform === "linux")(
  "what outlived an agent that was killed ends when it starts again",
  async () => {
    const code = `import subprocess, time
print(subprocess.Popen(["sleep", "600"], start_new_session=True).pid, flush=True)
time.sleep(600)`;
    server.add({ code });
    const agent = machine.start();
    await server.until(() => server.callsTo("/agent/progress").length > 0);
    agent.child.kill("SIGKILL");
    await agent.exit;
    const again = machine.start();
    await again.until("given_back");
    await expectGone(Number(server.callsTo("/agent/progress")[0]?.body.message));
  },
);

test("a task that was handed out to an agent as it died comes back to it", async () => {
  const [task] = server.add({ code: "" });
  const agent = machine.start();
  server.fault = ({ path }) => {
    if (path !== "/agent/request_task") return undefined;
    agent.child.kill("SIGKILL");
    return "lose_reply";
  };
  await agent.exit;
  expect(task?.state).toBe("RUNNING");

  server.fault = () => undefined;
  expect(await machine.start(["--once"]).exit).toBe(0);
  expect(task).toMatchObject({ state: "COMPLETED", attempt: 1 });
});

test("--once without work exits with 0", async () => {
  expect(await machine.start(["--once"]).exit).toBe(0);
  expect(server.callsTo("/agent/request_task")).toHaveLength(1);
});

test("--once exits with 1 when its task was taken away", async () => {
  const [task] = server.add(LONG);
  if (task === undefined) throw new Error("No task was added");
  const agent = machine.start(["--once", "--heartbeat-interval", "1"]);
  await agent.until("claimed");
  server.takeAway(task);
  expect(await agent.exit).toBe(1);
  await agent.until("lost");
});

test("--once exits with 1 when its completion is refused", async () => {
  server.add({ code: "" });
  server.fault = ({ path }) => (path === "/agent/complete_task" ? { status: 409 } : undefined);
  const agent = machine.start(["--once"]);
  expect(await agent.exit).toBe(1);
  await agent.until("refused");
});

test("--once does one task of several", async () => {
  server.add({ code: "" }, { code: "" });
  expect(await machine.start(["--once"]).exit).toBe(0);
  expect(server.tasks.map(({ state }) => state)).toEqual(["COMPLETED", "PENDING"]);
});
