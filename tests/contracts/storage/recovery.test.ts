import { randomBytes } from "node:crypto";
import { crc32c } from "@node-rs/crc32";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { encodeCrc32c } from "../../../shared/cloud/crc32c.ts";
import { type Served, serveStorage } from "../../local/storage/serve-storage.ts";
import { type CutProxy, startCutProxy } from "./cut-proxy.ts";

const CHUNK = 256 * 1024;
const bytes = randomBytes(5 * CHUNK + 12_345);

let served: Served;
let proxy: CutProxy;
beforeAll(async () => {
  served = await serveStorage();
  await served.bucket("recovery");
});
beforeEach(async () => {
  proxy = await startCutProxy(served.url);
  return () => proxy.close();
});
afterAll(() => served.close());

const through = (name: string) => served.connect(proxy.url).bucket("recovery").file(name);
const stored = (name: string) => served.connect().bucket("recovery").file(name);

test.each([
  ["in one request", {}],
  ["in chunks", { chunkSize: 2 * CHUNK }],
])("a resumable upload %s goes on where the connection broke", async (how, options) => {
  proxy.cutAfter(CHUNK, 2 * CHUNK + 77);
  await through(how).save(bytes, { resumable: true, preconditionOpts: { ifGenerationMatch: 0 }, ...options });
  expect(proxy.cuts()).toBe(2);
  expect((await stored(how).download())[0].equals(bytes)).toBe(true);
});

test("another process goes on with an upload that the first gave up, from the byte that it is told", async () => {
  const file = through("handed-over");
  const [uri] = await file.createResumableUpload({ metadata: { contentType: "application/zip" } });
  const first = await fetch(uri, {
    method: "PUT",
    headers: { "content-range": `bytes 0-${CHUNK - 1}/*` },
    body: bytes.subarray(0, CHUNK),
    redirect: "manual",
  });
  expect([first.status, first.headers.get("range")]).toEqual([308, `bytes=0-${CHUNK - 1}`]);
  await stored("handed-over").save(bytes.subarray(CHUNK), {
    resumable: true,
    uri,
    offset: CHUNK,
    resumeCRC32C: encodeCrc32c(crc32c(bytes.subarray(0, CHUNK))),
  });
  const [metadata] = await stored("handed-over").getMetadata();
  expect(metadata).toMatchObject({ contentType: "application/zip", size: String(bytes.length) });
});

test("an upload survives restarts of the server", async () => {
  const [uri] = await stored("restarted").createResumableUpload();
  await fetch(uri, {
    method: "PUT",
    headers: { "content-range": `bytes 0-${2 * CHUNK - 1}/*` },
    body: bytes.subarray(0, 2 * CHUNK),
    redirect: "manual",
  });
  // The second start reads the journal that the first one rewrote.
  await served.restart();
  await served.restart();
  const status = await fetch(uri, { method: "PUT", headers: { "content-range": "bytes */*" }, redirect: "manual" });
  expect([status.status, status.headers.get("range")]).toEqual([308, `bytes=0-${2 * CHUNK - 1}`]);
  const resumeCRC32C = encodeCrc32c(crc32c(bytes.subarray(0, 2 * CHUNK)));
  await stored("restarted").save(bytes.subarray(2 * CHUNK), { resumable: true, uri, offset: 2 * CHUNK, resumeCRC32C });
  expect((await stored("restarted").download({ validation: "md5" }))[0].equals(bytes)).toBe(true);
});

test("a client that missed the last reply learns that its upload is complete, also after a restart", async () => {
  const [uri] = await stored("complete").createResumableUpload();
  await fetch(uri, { method: "PUT", body: bytes });
  for (const restart of [false, true]) {
    if (restart) await served.restart();
    const status = await fetch(uri, { method: "PUT", headers: { "content-range": "bytes */*" } });
    expect(status.status).toBe(200);
    expect(await status.json()).toMatchObject({ name: "complete", size: String(bytes.length) });
  }
});
