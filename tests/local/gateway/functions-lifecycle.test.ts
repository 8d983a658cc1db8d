import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Beacon, type ServedFunctions, serveFunctions, startBeacon } from "./functions-project.ts";

const COUNTED = `console.log("booted");
Deno.serve(() => Response.json({ pid: Deno.pid }));`;

const CRASHING = `Deno.serve(async (request) => {
  if (request.url.endsWith("/crash")) setTimeout(() => { throw new Error("out of the blue"); });
  else if (request.url.endsWith("/throw")) throw new Error("in the handler");
  else return Response.json({ pid: Deno.pid });
  await new Promise(() => {});
});`;

const HALFWAY = `Deno.serve(() => new Response(new ReadableStream({
  start(controller) {
    controller.enqueue(new TextEncoder().encode("half"));
    fetch(Deno.env.get("BEACON") + "/halfway").then(() => Deno.exit(3));
  },
})));`;

const BACKGROUND = `const beacon = Deno.env.get("BEACON");
addEventListener("beforeunload", (event) => console.log("ending: " + event.detail.reason));
async function work() {
  await fetch(beacon + "/started");
  await fetch(beacon + "/finished");
  throw new Error("lost in the background");
}
Deno.serve(() => {
  EdgeRuntime.waitUntil(work());
  return Response.json({ pid: Deno.pid });
});`;

const LOGGING = `console.log("one\\ntwo");
Deno.serve(() => {
  console.error("to stderr");
  Deno.stdout.writeSync(new TextEncoder().encode("unfinished "));
  console.log("line");
  return new Response("ok");
});`;

let beacon: Beacon;
let functions: ServedFunctions;

beforeAll(async () => {
  beacon = await startBeacon();
  functions = await serveFunctions(
    {
      counted: COUNTED,
      crashing: CRASHING,
      halfway: HALFWAY,
      background: BACKGROUND,
      logging: LOGGING,
      broken: `import "./not-there.ts";`,
      mute: `export const nothing = true;`,
      mended: `throw new Error("not yet");`,
    },
    { env: { BEACON: beacon.url } },
  );
});

afterAll(async () => {
  await functions?.close();
  await beacon?.close();
});

async function pidOf(path: string): Promise<number> {
  return (await (await fetch(`${functions.url}${path}`)).json()).pid;
}

async function codeOf(path: string): Promise<unknown> {
  const response = await fetch(`${functions.url}${path}`);
  return { status: response.status, code: (await response.json()).code };
}

function linesOf(name: string): string[] {
  return functions.lines.filter((line) => line.startsWith(`${name}: `));
}

describe("the process of a function", () => {
  test("is started by the first call, once also when two come together, and kept", async () => {
    expect(linesOf("counted")).toEqual([]);
    const pids = [...(await Promise.all([pidOf("/counted"), pidOf("/counted")])), await pidOf("/counted")];
    expect(new Set(pids).size).toBe(1);
    expect(linesOf("counted")).toEqual(["counted: booted"]);
  });

  test("shows what it prints, line by line, with its name", async () => {
    await fetch(`${functions.url}/logging`);
    await expect.poll(() => linesOf("logging")).toHaveLength(4);
    expect(linesOf("logging").sort()).toEqual([
      "logging: one",
      "logging: to stderr",
      "logging: two",
      "logging: unfinished line",
    ]);
  });

  test("that crashes under a call answers it with a 500 and is replaced by the next call", async () => {
    const before = await pidOf("/crashing");
    expect(await codeOf("/crashing/crash")).toEqual({ status: 500, code: "WORKER_ERROR" });
    expect(linesOf("crashing").join("\n")).toContain("out of the blue");
    expect(await pidOf("/crashing")).not.toBe(before);
  });

  test("survives an error in its handler", async () => {
    const before = await pidOf("/crashing");
    expect((await fetch(`${functions.url}/crashing/throw`)).status).toBe(500);
    expect(await pidOf("/crashing")).toBe(before);
  });

  test("that dies in the middle of an answer breaks it off, so that half is not taken for the whole", async () => {
    const response = await fetch(`${functions.url}/halfway`);
    (await beacon.reached("/halfway")).end();
    await expect(response.text()).rejects.toThrow();
  });

  test("that cannot start, or never serves, is a 503 with the reason in the log", async () => {
    expect(await codeOf("/broken")).toEqual({ status: 503, code: "BOOT_ERROR" });
    expect(await codeOf("/mute")).toEqual({ status: 503, code: "BOOT_ERROR" });
    expect(linesOf("broken").join("\n")).toContain("not-there.ts");
    expect(linesOf("mute")).toEqual(["mute: The function ended without a call to Deno.serve."]);
  });

  test("is tried anew after it could not start", async () => {
    expect(await codeOf("/mended")).toEqual({ status: 503, code: "BOOT_ERROR" });
    await writeFile(join(functions.projectDir, "functions", "mended", "index.ts"), COUNTED);
    expect(await pidOf("/mended")).toBeGreaterThan(0);
  });
});

describe("EdgeRuntime.waitUntil", () => {
  test("lets work go on after the answer, and its failure is logged without ending the process", async () => {
    const pid = await pidOf("/background");
    (await beacon.reached("/started")).end();
    (await beacon.reached("/finished")).end();
    await expect.poll(() => linesOf("background").join("\n")).toContain("lost in the background");
    expect(await pidOf("/background")).toBe(pid);
    (await beacon.reached("/started")).end();
    (await beacon.reached("/finished")).end();
  });

  test("holds up the end of the gateway until the work is done", async () => {
    const own = await serveFunctions({ background: BACKGROUND }, { env: { BEACON: beacon.url } });
    await fetch(`${own.url}/background`);
    const started = await beacon.reached("/started");
    const closed = own.close();
    await expect.poll(() => own.lines).toContain("background: ending: termination");
    started.end();
    (await beacon.reached("/finished")).end();
    await closed;
    expect(own.lines.join("\n")).toContain("lost in the background");
  });
});

describe("functions end with their gateway", () => {
  const HOLDING = `fetch(Deno.env.get("BEACON") + "/alive");
Deno.serve(() => new Response("ok"));`;

  test("when it is closed", async () => {
    const own = await serveFunctions({ holding: HOLDING }, { env: { BEACON: beacon.url } });
    await fetch(`${own.url}/holding`);
    const alive = await beacon.reached("/alive");
    const gone = once(alive, "close");
    await own.close();
    await gone;
  });

  test("when it is killed with SIGKILL", async () => {
    const gateway = spawn(
      process.execPath,
      ["--import", "tsx", fileURLToPath(new URL("serve-until-killed.ts", import.meta.url)), HOLDING, beacon.url],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const { url, projectDir } = JSON.parse(await firstLine(gateway));
    try {
      await fetch(`${url}/holding`);
      const alive = await beacon.reached("/alive");
      gateway.kill("SIGKILL");
      await once(alive, "close");
    } finally {
      gateway.kill("SIGKILL");
      await rm(projectDir, { recursive: true, force: true });
    }
  });
});

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("The child's stdout is not a pipe.");
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  return String(line);
}
