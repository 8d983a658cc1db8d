import { randomBytes } from "node:crypto";
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { type Served, serveStorage } from "./serve-storage.ts";

const CHUNK = 256 * 1024;
const bytes = randomBytes(3 * CHUNK + 5);

let served: Served;
beforeAll(async () => {
  served = await serveStorage();
  await served.bucket("wire");
});
afterAll(() => served.close());

async function start(name: string, { query = "", headers = {}, metadata = {} } = {}): Promise<string> {
  const reply = await fetch(`${served.url}/upload/storage/v1/b/wire/o?uploadType=resumable&name=${name}${query}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(metadata),
  });
  const location = reply.headers.get("location");
  if (location === null) throw new Error(await reply.text());
  return location;
}

/** Status, the Range header and the body of one request to a session. */
async function put(uri: string, range: string, body: Uint8Array<ArrayBuffer> = new Uint8Array()) {
  const headers = { "content-range": range };
  const reply = await fetch(uri, { method: "PUT", headers, body, redirect: "manual" });
  return { status: reply.status, range: reply.headers.get("range"), text: await reply.text() };
}

const content = async (name: string) => (await served.connect().bucket("wire").file(name).download())[0];

describe("a resumable upload", () => {
  test("has a session URI on the host that the client spoke to", async () => {
    const reply = await new Promise<string | undefined>((resolve, reject) => {
      const { port } = new URL(served.url);
      const path = "/upload/storage/v1/b/wire/o?uploadType=resumable&name=host";
      request(
        { host: "127.0.0.1", port, path, method: "POST", headers: { host: `storage.test:${port}` } },
        (answer) => {
          answer.resume();
          resolve(answer.headers.location);
        },
      )
        .on("error", reject)
        .end();
    });
    expect(reply).toMatch(/^http:\/\/storage\.test:\d+\/upload\/storage\/v1\/b\/wire\/o\?/);
  });

  test("tells after each chunk what is stored, and ends with the object", async () => {
    const uri = await start("chunks");
    expect(await put(uri, "bytes */*")).toEqual({ status: 308, range: null, text: "" });
    expect(await put(uri, `bytes 0-${CHUNK - 1}/*`, bytes.subarray(0, CHUNK))).toMatchObject({
      status: 308,
      range: `bytes=0-${CHUNK - 1}`,
    });
    expect(await put(uri, `bytes */${bytes.length}`)).toMatchObject({ status: 308, range: `bytes=0-${CHUNK - 1}` });
    const rest = bytes.subarray(CHUNK);
    const last = await put(uri, `bytes ${CHUNK}-${bytes.length - 1}/${bytes.length}`, rest);
    expect(last.status).toBe(200);
    expect(JSON.parse(last.text)).toMatchObject({ kind: "storage#object", size: String(bytes.length) });
    expect((await content("chunks")).equals(bytes)).toBe(true);
  });

  test("can be ended by telling the total once all is there", async () => {
    const uri = await start("told");
    await put(uri, `bytes 0-${CHUNK - 1}/*`, bytes.subarray(0, CHUNK));
    expect((await put(uri, `bytes */${CHUNK}`)).status).toBe(200);
    expect((await content("told")).equals(bytes.subarray(0, CHUNK))).toBe(true);
  });

  test.each(["bytes 0-*/*", "bytes */0"])("of nothing ends with %j", async (range) => {
    const name = encodeURIComponent(range);
    expect((await put(await start(name), range)).status).toBe(200);
    expect((await content(range)).length).toBe(0);
  });

  test("ignores bytes that are stored already", async () => {
    const uri = await start("resent");
    await put(uri, `bytes 0-${2 * CHUNK - 1}/*`, bytes.subarray(0, 2 * CHUNK));
    const again = await put(uri, `bytes ${CHUNK}-${bytes.length - 1}/${bytes.length}`, bytes.subarray(CHUNK));
    expect(again.status).toBe(200);
    expect((await content("resent")).equals(bytes)).toBe(true);
  });

  test("refuses a gap, keeping what is stored", async () => {
    const uri = await start("gap");
    await put(uri, `bytes 0-${CHUNK - 1}/*`, bytes.subarray(0, CHUNK));
    const gap = await put(uri, `bytes ${2 * CHUNK}-${3 * CHUNK - 1}/*`, bytes.subarray(0, CHUNK));
    expect(gap.status).toBe(400);
    expect(await put(uri, "bytes */*")).toMatchObject({ range: `bytes=0-${CHUNK - 1}` });
  });

  test.each([1, CHUNK - 1, CHUNK + 1])("refuses a chunk of %i bytes that is not the last", async (size) => {
    const uri = await start(`odd-${size}`);
    const odd = await put(uri, `bytes 0-${size - 1}/*`, bytes.subarray(0, size));
    expect(odd.status).toBe(400);
    expect(odd.text).toContain("262144");
    expect(await put(uri, "bytes */*")).toMatchObject({ status: 308, range: null });
  });

  test("refuses a body that is longer or shorter than its Content-Range", async () => {
    for (const size of [CHUNK - 1, CHUNK + 1]) {
      const uri = await start(`length-${size}`);
      const wrong = await put(uri, `bytes 0-${CHUNK - 1}/${CHUNK}`, bytes.subarray(0, size));
      expect(wrong.status).toBe(400);
    }
  });

  test.each(["bytes 5-2/*", "bytes 0-9/5", "chunks 0-1/2", "bytes 0-1"])("refuses Content-Range %j", async (range) => {
    expect((await put(await start("malformed"), range, bytes.subarray(0, 2))).status).toBe(400);
  });

  test("refuses another length than was announced", async () => {
    const uri = await start("announced", { headers: { "x-upload-content-length": "10" } });
    expect((await put(uri, "bytes 0-4/5", bytes.subarray(0, 5))).status).toBe(400);
    expect((await put(uri, "bytes */*")).status).toBe(404);
  });

  test("checks its preconditions again at its end", async () => {
    const uri = await start("raced", { query: "&ifGenerationMatch=0" });
    await served.connect().bucket("wire").file("raced").save("first", { resumable: false });
    const late = await put(uri, "bytes 0-4/5", bytes.subarray(0, 5));
    expect(late.status).toBe(412);
    expect(JSON.parse(late.text)).toEqual({
      error: {
        code: 412,
        message: "At least one of the pre-conditions you specified did not hold.",
        errors: [{ message: expect.any(String), domain: "global", reason: "conditionNotMet" }],
      },
    });
    expect(String(await content("raced"))).toBe("first");
  });

  test("can be cancelled, and is gone then", async () => {
    const uri = await start("cancelled");
    await put(uri, `bytes 0-${CHUNK - 1}/*`, bytes.subarray(0, CHUNK));
    expect((await fetch(uri, { method: "DELETE" })).status).toBe(499);
    expect((await put(uri, "bytes */*")).status).toBe(404);
    expect((await fetch(uri, { method: "DELETE" })).status).toBe(404);
  });

  test("gives way to a client that comes back while its first connection still hangs", async () => {
    const uri = await start("hanging");
    const hanging = request(uri, { method: "PUT", headers: { "content-range": "bytes 0-*/*" } });
    const cut = new Promise((settle) => hanging.once("error", settle));
    await new Promise<void>((sent) => hanging.write(bytes.subarray(0, CHUNK), () => sent()));
    const { range } = await put(uri, "bytes */*");
    const stored = Number(/-(\d+)$/.exec(range ?? "-")?.[1] ?? -1) + 1;
    expect(await cut).toMatchObject({ code: "ECONNRESET" });
    const rest = bytes.subarray(stored);
    expect((await put(uri, `bytes ${stored}-${bytes.length - 1}/${bytes.length}`, rest)).status).toBe(200);
    expect((await content("hanging")).equals(bytes)).toBe(true);
  });
});

test("an upload of another type than the three there are is refused", async () => {
  const reply = await fetch(`${served.url}/upload/storage/v1/b/wire/o?uploadType=carrier-pigeon&name=x`, {
    method: "POST",
    body: "x",
  });
  expect(reply.status).toBe(400);
});

test("a media upload is the body, with its type and checksum", async () => {
  const reply = await fetch(`${served.url}/upload/storage/v1/b/wire/o?uploadType=media&name=media.csv`, {
    method: "POST",
    headers: { "content-type": "text/csv" },
    body: "a,b\n",
  });
  const shape = z.object({ contentType: z.string(), size: z.string() });
  expect(shape.parse(await reply.json())).toEqual({ contentType: "text/csv", size: "4" });
  const wrong = await fetch(`${served.url}/upload/storage/v1/b/wire/o?uploadType=media&name=wrong`, {
    method: "POST",
    headers: { "x-goog-hash": "md5=1B2M2Y8AsgTpgAmY7PhCfg==" },
    body: "not empty",
  });
  expect(wrong.status).toBe(400);
});
