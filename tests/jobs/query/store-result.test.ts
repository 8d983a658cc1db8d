import { createHash } from "node:crypto";
import { createServer, request as forward, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Bucket } from "@google-cloud/storage";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { nativeCrc32c } from "../../../jobs/native-crc32c.ts";
import { storeResult } from "../../../jobs/query/store-result.ts";
import { openBucket } from "../../../shared/cloud/storage.ts";
import { type Served, serveStorage } from "../../local/storage/serve-storage.ts";

type Fault = "refused" | "answer lost";

const SMALL = Buffer.from("[1]");
/** More than one request carries, in more than one chunk. */
const LARGE = Buffer.alloc(20 * 1024 * 1024, "0123456789abcdefghijklmnopqrstuvwxyz!");

let served: Served;
let front: Server;
let bucket: Bucket;
let faults: Fault[] = [];
beforeAll(async () => {
  served = await serveStorage();
  await served.bucket("corral-data");
  front = createServer(pass).listen(0, "127.0.0.1");
  await new Promise((resolve) => front.once("listening", resolve));
  const { port } = front.address() as AddressInfo;
  bucket = openBucket({ name: "corral-data", endpoint: `http://127.0.0.1:${port}`, crc32c: nativeCrc32c });
});
afterAll(async () => {
  front?.close();
  front?.closeAllConnections();
  await served?.close();
});
afterEach(() => {
  faults = [];
});

/** Stands before the storage, and does to what is uploaded what the test wants done. */
function pass(request: IncomingMessage, response: ServerResponse): void {
  const fault = request.method === "GET" ? undefined : faults.shift();
  if (fault === "refused") {
    request.resume().on("end", () => response.writeHead(503).end());
    return;
  }
  const { method, headers, url } = request;
  const onward = forward(new URL(url ?? "/", served.url), { method: method ?? "GET", headers }, (answer) => {
    if (fault === "answer lost") answer.resume().on("end", () => response.writeHead(503).end());
    else answer.pipe(response.writeHead(answer.statusCode ?? 500, answer.headers));
  });
  request.pipe(onward);
}

async function* inPieces(content: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += 1024 * 1024) yield content.subarray(at, at + 1024 * 1024);
}

const store = (name: string, content: Buffer, signal = new AbortController().signal) =>
  storeResult(bucket.file(name), inPieces(content), { contentType: "text/csv", maxBytes: 2 ** 30, signal });
const stored = async (name: string) => (await bucket.file(name).download())[0];

test.each<[string, Buffer, Fault[]]>([
  ["small", SMALL, ["refused", "refused"]],
  ["small", SMALL, ["answer lost"]],
  ["large", LARGE, ["refused", "refused"]],
])("a %s result is stored though the bucket falters: %#", async (size, content, wanted) => {
  const name = `results/${size}-${wanted.join("-")}`;
  faults = [...wanted];
  const { bytes, hash } = await store(name, content);
  expect(faults).toEqual([]);
  expect(bytes).toBe(content.length);
  expect(hash).toBe(createHash("sha256").update(content).digest("hex"));
  expect((await stored(name)).equals(content)).toBe(true);
});

test.each([
  ["small", SMALL],
  ["large", LARGE],
])("a %s result replaces what an attempt left that was given back", async (size, content) => {
  const name = `results/again-${size}`;
  await bucket.file(name).save("left behind");
  await store(name, content);
  expect((await stored(name)).equals(content)).toBe(true);
});

test("a large result does not replace what is written while it is under way", async () => {
  const name = "results/raced";
  async function* slow() {
    yield* inPieces(LARGE.subarray(0, 10 * 1024 * 1024));
    await bucket.file(name).save("the other's");
    yield* inPieces(LARGE);
  }
  const options = { contentType: "text/csv", maxBytes: 2 ** 30, signal: new AbortController().signal };
  await expect(storeResult(bucket.file(name), slow(), options)).rejects.toMatchObject({ code: "storage_contended" });
  expect((await stored(name)).toString()).toBe("the other's");
});

test("a bucket that takes nothing ends when nobody waits any longer", async () => {
  faults = Array.from({ length: 100 }, () => "refused");
  await expect(store("results/never", SMALL, AbortSignal.timeout(500))).rejects.toThrow("aborted due to timeout");
});
