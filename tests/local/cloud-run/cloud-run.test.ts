import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { importPKCS8, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectCloudRun, LOCATION } from "../../contracts/cloud-run/connect-cloud-run.ts";

let cloud: Awaited<ReturnType<typeof connectCloudRun>>;
beforeAll(async () => {
  cloud = await connectCloudRun();
});
afterAll(() => cloud.close());

type Claims = { iss?: string; sub?: string; aud?: string; scope?: string; iat?: number; exp?: number };
const SCOPE = "https://www.googleapis.com/auth/cloud-platform";

async function signToken(claims: Claims): Promise<string> {
  const { client_email, private_key, private_key_id } = cloud.serviceAccount;
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ iss: client_email, sub: client_email, iat: now, exp: now + 3600, ...claims })
    .setProtectedHeader({ alg: "RS256", kid: private_key_id })
    .sign(await importPKCS8(private_key, "RS256"));
}

async function call(path: string, init: RequestInit = {}, claims: Claims = { scope: SCOPE }) {
  const headers = { authorization: `Bearer ${await signToken(claims)}`, "content-type": "application/json" };
  const reply = await fetch(`${cloud.url}/v2/${path}`, { headers, ...init });
  return { status: reply.status, body: await reply.json() };
}

describe("a self-signed token", () => {
  const status = async (claims: Claims) => (await call(`${LOCATION}/jobs`, {}, claims)).status;
  const now = Math.floor(Date.now() / 1000);

  test("is taken with the cloud-platform scope, or with the service as its audience", async () => {
    expect(await status({ scope: `openid ${SCOPE}` })).toBe(200);
    expect(await status({ aud: "https://run.googleapis.com/" })).toBe(200);
  });

  test.for<[string, Claims]>([
    ["has neither scope nor audience", {}],
    ["is for another service", { aud: "https://storage.googleapis.com/" }],
    ["has expired", { scope: SCOPE, iat: now - 4000, exp: now - 400 }],
    ["is older than an hour, whatever it says", { scope: SCOPE, iat: now - 4000, exp: now + 400 }],
    ["speaks for another account", { scope: SCOPE, iss: "someone@else.iam.gserviceaccount.com" }],
  ])("is refused when it %s", async ([, claims]) => {
    expect(await status(claims)).toBe(401);
  });
});

describe("the REST surface", () => {
  test("writes enums as names unless numbers are asked for", async () => {
    await cloud.createJob("worded", "");
    const { body: names } = await call(`${LOCATION}/jobs/worded`);
    expect(names.terminalCondition.state).toBe("CONDITION_SUCCEEDED");
    const { body: numbers } = await call(`${LOCATION}/jobs/worded?$alt=json%3Benum-encoding=int`);
    expect(numbers.terminalCondition.state).toBe(4);
    expect(numbers.generation).toBe("1");
  });

  test("waits for an operation until it is done, or as long as it was told", async () => {
    await cloud.createJob("waited", "setInterval(() => {}, 1000); console.log('running')");
    const { name, operation } = await cloud.run("waited");
    await cloud.line(new RegExp(`${name.split("/").at(-1)}: running`));
    const wait = (timeout: string) =>
      call(`${operation.name}:wait`, { method: "POST", body: JSON.stringify({ timeout }) });
    expect((await wait("0.05s")).body).toMatchObject({ name: operation.name, done: false, metadata: { name } });
    const done = wait("30s");
    await cloud.executions.cancelExecution({ name });
    expect((await done).body).toMatchObject({ done: true, error: { code: 10 } });
    expect((await call(operation.name ?? "", { method: "DELETE" })).status).toBe(200);
    expect((await call(operation.name ?? "")).status).toBe(404);
  });

  test("answers what it does not understand with 400, and what it does not have with 404", async () => {
    const bad = await call(`${LOCATION}/jobs?jobId=bad`, { method: "POST", body: "{" });
    expect(bad).toMatchObject({ status: 400, body: { error: { status: "INVALID_ARGUMENT" } } });
    const unknown = await call(`${LOCATION}/services`);
    expect(unknown).toMatchObject({ status: 404, body: { error: { code: 404 } } });
  });
});

test("a start-up delay passes before the container starts, and the reply does not wait for it", async () => {
  const delayed = await connectCloudRun({ startupDelayMs: 300 });
  await delayed.createJob("delayed", "");
  const { name, operation } = await delayed.run("delayed");
  const [pending] = await delayed.executions.getExecution({ name });
  expect(pending).toMatchObject({ runningCount: 0, startTime: null });
  await operation.promise();
  const [{ createTime, startTime }] = await delayed.executions.getExecution({ name });
  const milliseconds = (time: typeof createTime) => Number(time?.seconds) * 1000 + Number(time?.nanos) / 1e6;
  expect(milliseconds(startTime) - milliseconds(createTime)).toBeGreaterThanOrEqual(295);
  await delayed.close();
});

test("closing the server ends its containers by SIGTERM", async () => {
  const closing = await connectCloudRun();
  await closing.createJob(
    "closing",
    "process.on('SIGTERM', () => { console.log('stopping'); process.exit(143) }); setInterval(() => {}, 1000); console.log('running')",
  );
  await closing.run("closing");
  await closing.line(/running/);
  await closing.close();
  expect(closing.lines.at(-1)).toMatch(/^closing-\w+: stopping$/);
});

describe("a process that holds a connection to the test", () => {
  const lifeline = createServer();
  const connected = () => once(lifeline, "connection").then(([socket]: Socket[]) => socket?.resume());
  beforeAll(async () => {
    lifeline.listen(0, "127.0.0.1");
    await once(lifeline, "listening");
  });
  afterAll(() => lifeline.close());

  test("ends with the container whose child it is", async () => {
    const spawned = JSON.stringify(holdConnection(portOf(lifeline)));
    const script = `
      const child = require("node:child_process").spawn(process.execPath, ["-e", ${spawned}], { stdio: "ignore" });
      process.on("SIGTERM", () => process.exit(0)); setInterval(() => {}, 1000);
    `;
    await cloud.createJob("parent", script);
    const connection = connected();
    const { name } = await cloud.run("parent");
    const socket = await connection;
    await cloud.executions.cancelExecution({ name });
    if (!socket?.closed) await once(socket ?? lifeline, "close");
  });

  test("ends as a container of a server that is killed", async () => {
    const connection = connected();
    const program = fileURLToPath(new URL("server-process.ts", import.meta.url));
    const folder = await mkdtemp(join(tmpdir(), "corral-cloud-run-"));
    const server = spawn(process.execPath, ["--import", "tsx", program, holdConnection(portOf(lifeline))], {
      env: { ...process.env, TMPDIR: folder },
    });
    const socket = await connection;
    server.kill("SIGKILL");
    if (!socket?.closed) await once(socket ?? lifeline, "close");
    await rm(folder, { recursive: true });
  });
});

test("a busy port is named", async () => {
  const holder = createServer();
  holder.listen(0, "127.0.0.1");
  await once(holder, "listening");
  const port = portOf(holder);
  await expect(connectCloudRun({ port })).rejects.toThrow(`Port ${port} for Cloud Run is in use.`);
  holder.close();
});

/** JavaScript that connects to a port and lasts. */
const holdConnection = (port: number) =>
  `require("node:net").connect(${port}, "127.0.0.1"); setInterval(() => {}, 1000)`;

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  return address.port;
}
