import { randomBytes } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { ObjectSource } from "../../../jobs/aggregate/object-source.ts";
import { nativeCrc32c } from "../../../jobs/native-crc32c.ts";
import { closeServer, LOOPBACK, listen } from "../../../local/listen.ts";
import { openBucket } from "../../../shared/cloud/storage.ts";

const bytes = randomBytes(100_000);
const PATIENCE_MS = 300;

/** How the next requests are answered; those after them as they should be. */
let faults: ((reply: ServerResponse, wanted: Buffer) => void)[];
let asked: string[];
let generations: (string | null)[];
const server = createServer(({ url, headers }, reply) => {
  const [, from = "", to = ""] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
  asked.push(`${from}-${to}`);
  generations.push(new URL(url ?? "", "http://host").searchParams.get("generation"));
  const wanted = bytes.subarray(Number(from), Number(to) + 1);
  const head = { "content-length": wanted.length, "content-range": `bytes ${from}-${to}/${bytes.length}` };
  const fault = faults.shift();
  if (fault !== undefined) return fault(reply, wanted);
  reply.writeHead(206, head).end(wanted);
});
let url: string;
beforeAll(async () => {
  url = `http://${LOOPBACK}:${await listen(server, "the test's storage", 0)}`;
});
beforeEach(() => {
  faults = [];
  asked = [];
  generations = [];
});
afterAll(() => closeServer(server));

function open(signal = new AbortController().signal) {
  const bucket = openBucket({ name: "results", endpoint: url, crc32c: nativeCrc32c });
  let counted = 0;
  const onBytes = (count: number) => {
    counted += count;
  };
  const file = bucket.file("result.bin", { generation: 17 });
  return { source: new ObjectSource(file, bytes.length, { onBytes, signal }, PATIENCE_MS), counted: () => counted };
}

/** Sends so much of what is wanted, and breaks the connection. */
const breakAfter = (count: number) => (reply: ServerResponse, wanted: Buffer) => {
  reply.writeHead(206, { "content-length": wanted.length });
  reply.write(wanted.subarray(0, count), () => reply.destroy());
};

it("reads the bytes that are asked for, of one generation", async () => {
  const { source, counted } = open();
  expect((await source.read(10, 50_000)).equals(bytes.subarray(10, 50_000))).toBe(true);
  expect(counted()).toBe(49_990);
  expect([asked, generations]).toEqual([["10-49999"], ["17"]]);
});

it("goes on where a reading broke, so that each byte is given once", async () => {
  faults = [breakAfter(30_000), breakAfter(20_000)];
  const { source } = open();
  expect((await source.read(0, bytes.length)).equals(bytes)).toBe(true);
  expect(asked).toEqual(["0-99999", "30000-99999", "50000-99999"]);
});

it("tries again when Cloud Storage is out of order for a while", async () => {
  faults = [(reply) => void reply.writeHead(503).end()];
  expect((await open().source.read(0, 10)).equals(bytes.subarray(0, 10))).toBe(true);
});

it("says that the result is gone when it is", async () => {
  faults = [(reply) => void reply.writeHead(404).end()];
  await expect(open().source.read(0, 10)).rejects.toMatchObject({ code: "result_missing", retryable: false });
});

it("stops when it is told to", async () => {
  const stop = new AbortController();
  const { source } = open(stop.signal);
  stop.abort(new Error("told to stop"));
  await expect(source.read(0, 10)).rejects.toThrow("told to stop");
});

it("is never asked for what is not there", async () => {
  await expect(open().source.read(0, bytes.length + 1)).rejects.toThrow(RangeError);
  expect(asked).toEqual([]);
});
