import { Agent, get } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningKaggle, startKaggle } from "../../../local/kaggle/start-kaggle.ts";
import { syntheticDataset } from "../../../local/kaggle/synthetic-dataset.ts";
import { getBlob, requestDownload } from "./call-kaggle.ts";

const REF = "labs/four-mib";
const BYTES = 4 * 2 ** 20;
const RATE = 8 * 2 ** 20;
const LATENCY_MS = 30;
/** What a late timer may make up for. */
const BURST_SECONDS = 0.05;
const LEAST_SECONDS = BYTES / RATE - BURST_SECONDS;

let kaggle: RunningKaggle;
let url: string;
beforeAll(async () => {
  kaggle = await startKaggle({
    port: 0,
    shape: { latencyMs: LATENCY_MS, bytesPerSecondPerConnection: RATE },
    extraDatasets: [syntheticDataset({ ref: REF, bytes: BYTES })],
  });
  url = await requestDownload(kaggle.url, REF);
});
afterAll(() => kaggle.close());

/** Reads a range through an agent; resolves to how many bytes came. */
function read(agent: Agent, range: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent, headers: { range } }, (reply) => {
      let bytes = 0;
      reply.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      reply.on("end", () => resolve(bytes));
      reply.on("error", reject);
    });
    request.on("error", reject);
  });
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

test("a reply's first byte comes after the latency", async () => {
  expect(await secondsOf(() => requestDownload(kaggle.url, REF))).toBeGreaterThanOrEqual(LATENCY_MS / 1000);
  expect(await secondsOf(() => getBlob(url, "bytes=0-0"))).toBeGreaterThanOrEqual(LATENCY_MS / 1000);
});

test("a connection carries no more than its rate", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const seconds = await secondsOf(async () => expect(await read(agent, "bytes=0-")).toBe(BYTES));
  expect(seconds).toBeGreaterThanOrEqual(LEAST_SECONDS);
  agent.destroy();
});

test("requests that follow each other on one connection share its rate", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const half = BYTES / 2;
  const seconds = await secondsOf(async () => {
    await read(agent, `bytes=0-${half - 1}`);
    await read(agent, `bytes=${half}-`);
  });
  expect(seconds).toBeGreaterThanOrEqual(LEAST_SECONDS);
  agent.destroy();
});

test("connections side by side each have the whole rate", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const quarter = BYTES / 4;
  const side = Array.from({ length: 8 }, (_, index) => {
    const start = (index % 4) * quarter;
    return `bytes=${start}-${start + quarter - 1}`;
  });
  const seconds = await secondsOf(() => Promise.all(side.map((range) => read(agent, range))));
  // All eight through one connection would take four times as long as this bound, however busy the machine.
  expect(seconds).toBeLessThan((8 * quarter) / RATE);
  expect(seconds).toBeGreaterThanOrEqual(quarter / RATE - BURST_SECONDS);
  agent.destroy();
});

test("a fault slows one reply down", async () => {
  kaggle.faults.add({ on: "blob", fault: { kind: "slow", latencyMs: 0, bytesPerSecond: 2 ** 20 } });
  const agent = new Agent();
  const range = `bytes=0-${2 ** 18 - 1}`;
  expect(await secondsOf(() => read(agent, range))).toBeGreaterThanOrEqual(0.25 - BURST_SECONDS);
});
