import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { strToU8, zipSync } from "fflate";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createMachine, type Machine } from "./start-agent.ts";
import { type ContractServer, startContractServer } from "./start-contract-server.ts";

let server: ContractServer;
let machine: Machine;
let requirements: string;

beforeEach(async () => {
  server = await startContractServer();
  machine = await createMachine(() => server.url);
  requirements = `corral-sample @ file://${await writeWheel(machine.folder)}\n`;
});
afterEach(async () => {
  await machine.close();
  await server.stop();
});

/** A package of one module, as pip takes it without a network. */
async function writeWheel(folder: string): Promise<string> {
  const info = "corral_sample-1.0.dist-info";
  const path = join(folder, "corral_sample-1.0-py3-none-any.whl");
  const files = {
    "corral_sample.py": "ANSWER = 42\n",
    [`${info}/METADATA`]: "Metadata-Version: 2.1\nName: corral-sample\nVersion: 1.0\n",
    [`${info}/WHEEL`]: "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    [`${info}/RECORD`]: `corral_sample.py,,\n${info}/METADATA,,\n${info}/WHEEL,,\n${info}/RECORD,,\n`,
  };
  const entries = Object.entries(files).map(([name, text]) => [name, strToU8(text)]);
  await writeFile(path, zipSync(Object.fromEntries(entries)));
  return path;
}

const USES_PACKAGE = "import corral_sample; open('result.csv', 'w').write(str(corral_sample.ANSWER))";

test("with --venv a script has what its requirements ask for, in an environment that its job's tasks share", async () => {
  server.add({ code: USES_PACKAGE, requirements }, { code: USES_PACKAGE, requirements });
  const agent = machine.start(["--venv", "--concurrency", "2"]);
  await server.until(() => server.tasks.every(({ state }) => state !== "PENDING" && state !== "RUNNING"));
  expect(server.tasks.map(({ failures }) => failures)).toEqual([[], []]);
  expect([...server.uploads.values()]).toEqual(["42", "42"]);
  const { agent_id } = await agent.until("registered");
  expect(await readdir(join(machine.folder, "work", String(agent_id), "venvs"))).toHaveLength(1);
});

test("requirements that cannot be had fail the task, with pip's words", async () => {
  const [task] = server.add({
    code: USES_PACKAGE,
    requirements: "/nowhere/corral_sample-1.0-py3-none-any.whl\n",
  });
  await machine.start(["--venv", "--once"]).exit;
  expect(task?.failures).toMatchObject([{ retryable: true }]);
  expect(task?.failures[0]?.reason).toMatch(/^Installing the requirements exited with 1\.[\s\S]*nowhere/);
});

test("without --venv a script runs with what the machine has", async () => {
  const [task] = server.add({ code: USES_PACKAGE, requirements });
  await machine.start(["--once"]).exit;
  expect(task?.failures[0]?.reason).toContain("ModuleNotFoundError");
});
