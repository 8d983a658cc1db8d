import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeThenRead } from "../write-then-read.ts";
import { type Served, serveStorage } from "./serve-storage.ts";

const bytes = randomBytes(5000);

let served: Served;
beforeAll(async () => {
  served = await serveStorage();
  const bucket = await served.bucket("http");
  await bucket.file("data").save(bytes, { resumable: false });
  await bucket.file("a/b").save("slash", { resumable: false });
  const gzipped = { metadata: { contentEncoding: "gzip" }, resumable: false };
  await bucket.file("zipped").save(gzipSync("unzipped"), gzipped);
});
afterAll(() => served.close());

const api = (path: string, init?: RequestInit) => fetch(`${served.url}/storage/v1/b/http${path}`, init);
const media = (headers: Record<string, string>, name = "data") => api(`/o/${name}?alt=media`, { headers });

/** What the server answers to bytes that no HTTP client would send; the connection is closed after. */
function raw(request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(Number(new URL(served.url).port), "127.0.0.1", () => socket.write(request));
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.on("end", () => resolve(text)).on("error", reject);
  });
}

describe("reading", () => {
  test("tells what the bytes are", async () => {
    const reply = await media({});
    expect(reply.status).toBe(200);
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      "accept-ranges": "bytes",
      "content-length": "5000",
      "x-goog-hash": expect.stringMatching(/^crc32c=[\w+/]{6}==,md5=[\w+/]{22}==$/),
      "x-goog-metageneration": "1",
      "x-goog-stored-content-encoding": "identity",
      "x-goog-stored-content-length": "5000",
      "x-goog-storage-class": "STANDARD",
    });
    await reply.arrayBuffer();
  });

  test.each([
    ["bytes=0-0", 206, 0, 1],
    ["bytes=4990-9999", 206, 4990, 5000],
    ["bytes=100-", 206, 100, 5000],
    ["bytes=-100", 206, 4900, 5000],
    ["bytes=-99999", 206, 0, 5000],
    ["bytes=0-1,5-6", 200, 0, 5000],
    ["bytes=9-3", 200, 0, 5000],
    ["lines=1-2", 200, 0, 5000],
  ])("Range %j is answered %i with bytes %i to %i", async (range, status, start, end) => {
    const reply = await media({ range });
    expect(reply.status).toBe(status);
    expect(reply.headers.get("content-range")).toBe(status === 206 ? `bytes ${start}-${end - 1}/5000` : null);
    expect(Buffer.from(await reply.arrayBuffer()).equals(bytes.subarray(start, end))).toBe(true);
  });

  test.each(["bytes=5000-", "bytes=9000-9001", "bytes=-0"])("Range %j cannot be satisfied", async (range) => {
    const reply = await media({ range });
    expect([reply.status, reply.headers.get("content-range")]).toEqual([416, "bytes */5000"]);
    await reply.text();
  });

  test("an ETag saves the bytes while it is current, and guards a range", async () => {
    const first = await media({});
    await first.arrayBuffer();
    const etag = first.headers.get("etag") ?? "";
    expect(etag).toMatch(/^".+"$/);
    const known = await media({ "if-none-match": etag });
    expect([known.status, await known.text()]).toEqual([304, ""]);
    expect((await media({ "if-match": '"other"' })).status).toBe(412);
    expect((await media({ "if-match": etag })).status).toBe(200);
    expect((await media({ range: "bytes=0-1", "if-range": etag })).status).toBe(206);
    expect((await media({ range: "bytes=0-1", "if-range": '"other"' })).status).toBe(200);
  });

  test("whoever does not take gzip gets the bytes unzipped", async () => {
    const plain = await media({ "accept-encoding": "identity" }, "zipped");
    expect(plain.headers.get("content-encoding")).toBeNull();
    expect(plain.headers.get("x-goog-hash")).toBeNull();
    expect(await plain.text()).toBe("unzipped");
    const asStored = await media({ "accept-encoding": "gzip" }, "zipped");
    expect(asStored.headers.get("content-encoding")).toBe("gzip");
    expect(asStored.headers.get("x-goog-stored-content-encoding")).toBe("gzip");
    expect(await asStored.text()).toBe("unzipped");
  });

  test("metadata of any text neither breaks a header nor adds one", async () => {
    const file = served.connect().bucket("http").file("text");
    const metadata = { contentDisposition: 'attachment; filename="ü.csv"', metadata: { note: "a\r\nset-cookie: b" } };
    await file.save("x", { resumable: false, metadata });
    const reply = await media({}, "text");
    expect(reply.status).toBe(200);
    expect(reply.headers.get("x-goog-meta-note")).toBe("a  set-cookie: b");
    expect(reply.headers.get("set-cookie")).toBeNull();
    expect(Buffer.from(reply.headers.get("content-disposition") ?? "", "latin1").toString()).toContain("ü.csv");
  });

  test("an object that is deleted while it is read is read to its end", async () => {
    const file = served.connect().bucket("http").file("doomed");
    await file.save(Buffer.alloc(20_000_000, 1), { resumable: false });
    const reader = (await media({}, "doomed")).body?.getReader();
    let received = (await reader?.read())?.value?.length ?? 0;
    await file.delete();
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read())
      received += next.value.length;
    expect(received).toBe(20_000_000);
  });

  test("the download path that Python uses is the same", async () => {
    const reply = await fetch(`${served.url}/download/storage/v1/b/http/o/a%2Fb?alt=media`);
    expect(await reply.text()).toBe("slash");
  });

  test("an object's links lead to it", async () => {
    const { selfLink, mediaLink } = await (await api("/o/a%2Fb")).json();
    expect(await (await fetch(mediaLink)).text()).toBe("slash");
    expect(await (await fetch(selfLink)).json()).toMatchObject({ name: "a/b" });
  });

  test("a client that goes away midway takes nothing else along", async () => {
    await served.connect().bucket("http").file("big").save(Buffer.alloc(20_000_000), { resumable: false });
    const abort = new AbortController();
    const reply = await api("/o/big?alt=media", { signal: abort.signal });
    await reply.body?.getReader().read();
    abort.abort();
    expect((await media({})).status).toBe(200);
    expect(served.log).toEqual([]);
  });
});

describe("a refusal", () => {
  test("has the JSON API's shape", async () => {
    const reply = await api("/o/none");
    expect(reply.status).toBe(404);
    expect(reply.headers.get("content-type")).toBe("application/json; charset=UTF-8");
    const message = "No such object: http/none";
    expect(await reply.json()).toEqual({
      error: { code: 404, message, errors: [{ message, domain: "global", reason: "notFound" }] },
    });
  });

  test("of bytes is plain text, which the SDK shows as its message", async () => {
    expect(await (await media({}, "none")).text()).toBe("No such object: http/none");
  });

  test.each([
    ["PATCH", "/o/data", "{not json", 400],
    ["PATCH", "/o/data", '{"metadata":{"a":1}}', 400],
    ["POST", "/o/data/compose", '{"sourceObjects":[]}', 400],
    ["GET", "/o?maxResults=many", undefined, 400],
    ["GET", "/o/data?ifGenerationMatch=soon", undefined, 400],
    ["GET", "/o?matchGlob=**", undefined, 501],
    ["GET", "/iam", undefined, 501],
    ["GET", "/o/%E0%A4%A", undefined, 400],
  ])("%s %s %s is answered %i", async (method, path, body, status) => {
    const reply = await api(path, { method, body: body ?? null });
    expect(reply.status).toBe(status);
    expect(await reply.json()).toMatchObject({ error: { code: status } });
  });

  test("leaves the connection usable for the next request", async () => {
    const body = "x".repeat(1_000_000);
    const answer = await raw(
      `POST /upload/storage/v1/b/none/o?uploadType=media&name=x HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}` +
        "GET /storage/v1/b/http/o/data HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    );
    expect([...answer.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status)).toEqual(["404", "200"]);
  });

  test.each([
    ["POST", "/upload/storage/v1/b/http/o?uploadType=media&name=data&ifGenerationMatch=0", 412],
    ["PUT", "/upload/storage/v1/b/http/o?upload_id=none", 404],
    ["PATCH", "/storage/v1/b/http/o/data", 400],
    ["PUT", "/http/data", 403],
  ])("reaches a client that writes a large body to its end before it reads: %s %s", async (method, path, status) => {
    expect(await writeThenRead(method, served.url + path, 50_000_000)).toContain(`HTTP/1.1 ${status} `);
  });
});

describe("another origin", () => {
  const origin = "https://console.example";
  const preflight = (url: string, method: string, headers = "content-type,x-other") =>
    fetch(url, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": method, "access-control-request-headers": headers },
    });

  test("may use the JSON API and session URIs", async () => {
    const allowed = await preflight(`${served.url}/upload/storage/v1/b/http/o?upload_id=x`, "PUT");
    expect([allowed.status, allowed.headers.get("access-control-allow-origin")]).toEqual([200, origin]);
    expect(allowed.headers.get("access-control-allow-headers")).toBe("content-type,x-other");
    const reply = await api("/o/data", { headers: { origin } });
    expect(reply.headers.get("access-control-allow-origin")).toBe(origin);
  });

  test("may use signed URLs as the bucket's CORS setting says", async () => {
    const bucket = served.connect().bucket("http");
    await bucket.setCorsConfiguration([
      { origin: [origin], method: ["GET", "PUT"], responseHeader: ["content-type"], maxAgeSeconds: 60 },
    ]);
    const [url] = await bucket
      .file("data")
      .getSignedUrl({ version: "v4", action: "read", expires: Date.now() + 60_000 });
    const allowed = await preflight(url, "GET");
    expect(Object.fromEntries(allowed.headers)).toMatchObject({
      "access-control-allow-origin": origin,
      "access-control-allow-methods": "GET,PUT",
      "access-control-allow-headers": "content-type",
      "access-control-max-age": "60",
    });
    const reply = await fetch(url, { headers: { origin } });
    expect(reply.headers.get("access-control-allow-origin")).toBe(origin);
    await reply.arrayBuffer();
    expect((await preflight(url, "DELETE")).headers.get("access-control-allow-origin")).toBeNull();
    const stranger = await fetch(url, { headers: { origin: "https://other.example" } });
    expect(stranger.headers.get("access-control-allow-origin")).toBeNull();
    await stranger.arrayBuffer();
  });
});

test("a batch answers each of its calls", async () => {
  const part = (id: number, line: string) =>
    `--sep\r\nContent-Type: application/http\r\nContent-ID: <x+${id}>\r\n\r\n${line} HTTP/1.1\r\n\r\n\r\n`;
  const reply = await fetch(`${served.url}/batch/storage/v1`, {
    method: "POST",
    headers: { "content-type": 'multipart/mixed; boundary="sep"' },
    body: `${part(1, "GET /storage/v1/b/http/o/a%2Fb")}${part(2, "DELETE /storage/v1/b/http/o/none")}--sep--`,
  });
  const text = await reply.text();
  expect([...text.matchAll(/Content-ID: (.*)\r\n\r\nHTTP\/1.1 (\d+)/g)].map(([, id, status]) => [id, status])).toEqual([
    ["<response-x+1>", "200"],
    ["<response-x+2>", "404"],
  ]);
  expect(text).toContain('"name":"a/b"');
});
