import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Beacon, type ServedFunctions, serveFunctions, startBeacon } from "./functions-project.ts";

const ATTEMPTS = `const attempts = {
  writeFile: () => Deno.writeTextFile("written.txt", "x"),
  writeTemp: () => Deno.makeTempFile(),
  subprocess: () => new Deno.Command("/bin/sh").output(),
  ffi: () => Deno.dlopen("libc.so.6", {}),
  readOutside: () => Deno.readTextFile("/etc/passwd"),
  readKeys: () => Deno.readTextFile(Deno.cwd() + "/keys.json"),
  readOwnCode: () => Deno.readTextFile(new URL(import.meta.url)),
  network: () => fetch(Deno.env.get("BEACON")).then((response) => response.text()),
};
Deno.serve(async () => {
  const outcomes = {};
  for (const [name, attempt] of Object.entries(attempts)) {
    try {
      await attempt();
      outcomes[name] = "allowed";
    } catch (error) {
      outcomes[name] = error.name;
    }
  }
  return Response.json(outcomes);
});`;

const ENVIRONMENT = `Deno.serve(() => Response.json(Deno.env.toObject()));`;

const HEAP = `Deno.serve((request) => {
  if (!request.url.endsWith("/fill")) return Response.json({ pid: Deno.pid });
  const kept = [];
  for (;;) kept.push(new Array(10_000).fill(Math.random()));
});`;

const BUFFERS = `Deno.serve(async (request) => {
  if (!request.url.endsWith("/fill")) return Response.json({ pid: Deno.pid });
  globalThis.kept = new Uint8Array(300 * 1024 * 1024).fill(1);
  await new Promise(() => {});
});`;

const SLOW = `Deno.serve(async (request) => {
  const path = new URL(request.url).pathname;
  if (path === "/slow/spin") for (;;);
  if (path === "/slow/hold") await fetch(Deno.env.get("BEACON") + "/held");
  if (path === "/slow/hang") await new Promise(() => {});
  return Response.json({ pid: Deno.pid });
});`;

const SLOW_START = `await new Promise(() => {});`;

const LONG_ANSWER = `Deno.serve(() => {
  let beats = 0;
  return new Response(new ReadableStream({
    async pull(controller) {
      await fetch(Deno.env.get("BEACON") + "/beat");
      controller.enqueue(new TextEncoder().encode("."));
      if (++beats === 2) controller.close();
    },
  }));
});`;

let beacon: Beacon;
let functions: ServedFunctions;
let impatient: ServedFunctions;

beforeAll(async () => {
  process.env.HOST_SECRET = "must not leak";
  beacon = await startBeacon();
  const env = { BEACON: beacon.url };
  functions = await serveFunctions(
    { attempts: ATTEMPTS, environment: ENVIRONMENT, heap: HEAP, buffers: BUFFERS },
    { env },
  );
  impatient = await serveFunctions(
    { slow: SLOW, "slow-start": SLOW_START, "long-answer": LONG_ANSWER },
    { env, requestLimitMs: 1500 },
  );
});

afterAll(async () => {
  delete process.env.HOST_SECRET;
  await Promise.all([functions?.close(), impatient?.close()]);
  await beacon?.close();
});

async function pidOf(url: string): Promise<number> {
  return (await (await fetch(url)).json()).pid;
}

describe("a function's process", () => {
  test("may use the network and read its own code, but not write, run, load or read anything else", async () => {
    const answer = fetch(`${functions.url}/attempts`);
    (await beacon.reached("/")).end();
    expect(await (await answer).json()).toEqual({
      writeFile: "NotCapable",
      writeTemp: "NotCapable",
      subprocess: "NotCapable",
      ffi: "NotCapable",
      readOutside: "NotCapable",
      readKeys: "NotCapable",
      readOwnCode: "allowed",
      network: "allowed",
    });
  });

  test("has Supabase's variables and the configured ones in its environment, and none of the host's", async () => {
    const { keys } = functions;
    expect(await (await fetch(`${functions.url}/environment`)).json()).toEqual({
      SUPABASE_URL: new URL(functions.url).origin,
      SUPABASE_ANON_KEY: keys.anonKey,
      SUPABASE_SERVICE_ROLE_KEY: keys.serviceRoleKey,
      SUPABASE_DB_URL: expect.stringMatching(/^postgres:/),
      SUPABASE_JWKS: JSON.stringify(keys.jwks),
      BEACON: beacon.url,
    });
  });

  test.each(["heap", "buffers"])(
    "that fills 256 MB of %s is ended: 546, and the next call gets a new one",
    async (name) => {
      const before = await pidOf(`${functions.url}/${name}`);
      const response = await fetch(`${functions.url}/${name}/fill`);
      expect(response.status).toBe(546);
      expect(await response.json()).toMatchObject({ code: "WORKER_LIMIT" });
      expect(await pidOf(`${functions.url}/${name}`)).not.toBe(before);
    },
  );
});

describe("a call that is not answered within the limit", () => {
  test.each(["hang", "spin"])("gets a 504 and takes no later call along, when its function does %s", async (way) => {
    const before = await pidOf(`${impatient.url}/slow`);
    const response = await fetch(`${impatient.url}/slow/${way}`);
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ code: "IDLE_TIMEOUT" });
    expect(await pidOf(`${impatient.url}/slow`)).not.toBe(before);
  });

  test("gets a 504 also when its function never comes up", async () => {
    expect((await fetch(`${impatient.url}/slow-start`)).status).toBe(504);
  });

  test("is not one whose answer began in time and lasts longer", async () => {
    const response = await fetch(`${impatient.url}/long-answer`);
    const text = response.text();
    (await beacon.reached("/beat")).end();
    const second = await beacon.reached("/beat");
    // Held beyond the limit by what takes as long as the limit itself: another call that runs into it.
    expect((await fetch(`${impatient.url}/slow/hang`)).status).toBe(504);
    second.end();
    expect(await text).toBe("..");
  });

  test("leaves no process behind: what it still does is ended a limit later", async () => {
    const call = fetch(`${impatient.url}/slow/hold`);
    const held = await beacon.reached("/held");
    expect((await call).status).toBe(504);
    await once(held, "close");
  });
});
