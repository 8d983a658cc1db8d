import { randomBytes } from "node:crypto";
import { type Bucket, type GetSignedUrlConfig, Storage } from "@google-cloud/storage";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { loadKeys } from "../../../local/keys.ts";
import { type Served, serveStorage } from "../../local/storage/serve-storage.ts";

const bytes = randomBytes(100_000);
const NAME = "dir/ümläut & (1)!*'.bin";
const MINUTE = 60_000;

let served: Served;
let bucket: Bucket;
beforeAll(async () => {
  served = await serveStorage();
  bucket = await served.bucket("signed");
  await bucket.file(NAME).save(bytes, { resumable: false, contentType: "application/zip" });
});
afterAll(() => served.close());

async function sign(config: Partial<GetSignedUrlConfig> = {}, name = NAME): Promise<string> {
  const defaults = { version: "v4", action: "read", expires: Date.now() + 5 * MINUTE } as const;
  const [url] = await bucket.file(name).getSignedUrl({ ...defaults, ...config });
  return url;
}

/** Status and the XML error's code. */
async function outcome(call: Promise<Response>): Promise<[number, string | undefined]> {
  const reply = await call;
  return [reply.status, /<Code>(\w+)<\/Code>/.exec(await reply.text())?.[1]];
}

describe("a signed URL for reading", () => {
  test("gives the object's bytes, with its type, checksums and generation", async () => {
    const reply = await fetch(await sign());
    expect(reply.status).toBe(200);
    expect(reply.headers.get("content-type")).toBe("application/zip");
    const [{ crc32c, md5Hash, generation }] = await bucket.file(NAME).getMetadata();
    expect(reply.headers.get("x-goog-hash")).toBe(`crc32c=${crc32c},md5=${md5Hash}`);
    expect(reply.headers.get("x-goog-generation")).toBe(generation);
    expect(Buffer.from(await reply.arrayBuffer()).equals(bytes)).toBe(true);
  });

  test("gives ranges, and HEAD as well", async () => {
    const url = await sign();
    const part = await fetch(url, { headers: { range: "bytes=10-19" } });
    expect([part.status, part.headers.get("content-range")]).toEqual([206, "bytes 10-19/100000"]);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(10, 20))).toBe(true);
    const head = await fetch(url, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "100000"]);
  });

  test("may name the file that a browser saves", async () => {
    const reply = await fetch(await sign({ responseDisposition: 'attachment; filename="a.zip"', responseType: "a/b" }));
    expect(reply.headers.get("content-disposition")).toBe('attachment; filename="a.zip"');
    expect(reply.headers.get("content-type")).toBe("a/b");
    await reply.arrayBuffer();
  });

  test("answers for what is not there in XML", async () => {
    expect(await outcome(fetch(await sign({}, "none")))).toEqual([404, "NoSuchKey"]);
  });

  test("ends when it expires", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 6 * MINUTE });
    const url = await sign();
    vi.useRealTimers();
    expect(await outcome(fetch(url))).toEqual([400, "ExpiredToken"]);
  });

  test("is not valid before its time", async () => {
    const start = Date.now() + 60 * MINUTE;
    const early = await sign({ accessibleAt: new Date(start), expires: start + MINUTE });
    expect(await outcome(fetch(early))).toEqual([403, "AccessDenied"]);
  });

  test.each([
    ["another object", (url: string) => url.replace("dir/", "dir2/")],
    ["a longer life", (url: string) => url.replace(/X-Goog-Expires=\d+/, "X-Goog-Expires=604800")],
    ["a further parameter", (url: string) => `${url}&generation=1`],
    ["a forged signature", (url: string) => url.replace(/X-Goog-Signature=..../, "X-Goog-Signature=0000")],
    ["no hex as signature", (url: string) => url.replace(/X-Goog-Signature=..../, "X-Goog-Signature=zzzz")],
  ])("does not stand for %s", async (_, change) => {
    await bucket.file(NAME.replace("dir/", "dir2/")).save("other", { resumable: false });
    const url = await sign();
    const tampered = change(url);
    expect(tampered).not.toBe(url);
    expect(await outcome(fetch(tampered))).toEqual([403, "SignatureDoesNotMatch"]);
  });

  test("does not stand for writing or deleting", async () => {
    const url = await sign();
    for (const method of ["PUT", "DELETE", "POST"]) {
      const body = method === "DELETE" ? {} : { body: "x" };
      expect(await outcome(fetch(url, { method, ...body }))).toEqual([403, "SignatureDoesNotMatch"]);
    }
    expect((await bucket.file(NAME).download())[0].equals(bytes)).toBe(true);
  });

  test("of another account is not accepted, whatever name it signs under", async () => {
    const { serviceAccount } = await loadKeys(`${served.dir}-other`);
    const stranger = { ...serviceAccount, client_email: "mallory@example.com" };
    const outcomes = [];
    for (const credentials of [serviceAccount, stranger]) {
      const file = new Storage({ apiEndpoint: served.url, credentials }).bucket("signed").file(NAME);
      const [url] = await file.getSignedUrl({ version: "v4", action: "read", expires: Date.now() + MINUTE });
      outcomes.push(await outcome(fetch(url)));
    }
    expect(outcomes).toEqual([
      [403, "SignatureDoesNotMatch"],
      [403, "InvalidSecurity"],
    ]);
  });

  test("is needed: without one, the bucket is closed", async () => {
    expect(await outcome(fetch(`${served.url}/signed/${encodeURIComponent(NAME)}`))).toEqual([403, "AccessDenied"]);
  });

  test("of version 2 is refused with the remedy", async () => {
    const reply = await fetch(await sign({ version: "v2" }));
    expect(reply.status).toBe(400);
    expect(await reply.text()).toContain("Sign with version v4");
  });
});

describe("a signed URL for writing", () => {
  test("stores what is sent, with the headers that were signed", async () => {
    const extensionHeaders = { "x-goog-meta-task": "7" };
    const url = await sign({ action: "write", contentType: "text/csv", extensionHeaders }, "put.csv");
    const headers = { "content-type": "text/csv", ...extensionHeaders };
    const reply = await fetch(url, { method: "PUT", headers, body: "a,b\n" });
    expect([reply.status, await reply.text()]).toEqual([200, ""]);
    const [metadata] = await bucket.file("put.csv").getMetadata();
    expect(metadata).toMatchObject({ contentType: "text/csv", size: "4", metadata: { task: "7" } });
    expect(reply.headers.get("x-goog-generation")).toBe(metadata.generation);
    expect(String((await bucket.file("put.csv").download())[0])).toBe("a,b\n");
  });

  test("holds for no other type than the one signed", async () => {
    const url = await sign({ action: "write", contentType: "text/csv" }, "typed.csv");
    const put = fetch(url, { method: "PUT", headers: { "content-type": "text/html" }, body: "<script>" });
    expect(await outcome(put)).toEqual([403, "SignatureDoesNotMatch"]);
    expect(await bucket.file("typed.csv").exists()).toEqual([false]);
  });

  test("takes no extension header that was not signed", async () => {
    const url = await sign({ action: "write" }, "plain");
    const put = fetch(url, { method: "PUT", headers: { "x-goog-meta-role": "admin" }, body: "x" });
    expect(await outcome(put)).toEqual([400, "MalformedSecurityHeader"]);
  });

  test("can require that there is no object yet", async () => {
    const extensionHeaders = { "x-goog-if-generation-match": "0" };
    const url = await sign({ action: "write", extensionHeaders }, "once");
    const put = () => outcome(fetch(url, { method: "PUT", headers: extensionHeaders, body: "x" }));
    expect(await put()).toEqual([200, undefined]);
    expect(await put()).toEqual([412, "PreconditionFailed"]);
  });

  test("can bound the size", async () => {
    const extensionHeaders = { "x-goog-content-length-range": "2,5" };
    const put = async (name: string, body: string) => {
      const url = await sign({ action: "write", extensionHeaders }, name);
      return outcome(fetch(url, { method: "PUT", headers: extensionHeaders, body }));
    };
    expect(await put("fits", "12345")).toEqual([200, undefined]);
    expect(await put("large", "123456")).toEqual([400, "EntityTooLarge"]);
    expect(await put("small", "1")).toEqual([400, "EntityTooSmall"]);
    expect(await bucket.file("large").exists()).toEqual([false]);
  });

  test("can start a resumable upload, whose session needs no further signature", async () => {
    const headers = { "x-goog-resumable": "start", "content-type": "text/plain" };
    const start = await fetch(await sign({ action: "resumable", contentType: "text/plain" }, "session"), {
      method: "POST",
      headers,
    });
    expect(start.status).toBe(201);
    const put = await fetch(start.headers.get("location") ?? "", { method: "PUT", body: "hello" });
    expect(put.status).toBe(200);
    const [metadata] = await bucket.file("session").getMetadata();
    expect(metadata).toMatchObject({ contentType: "text/plain", size: "5" });
  });

  test("can be one for deleting", async () => {
    await bucket.file("doomed").save("x", { resumable: false });
    const reply = await fetch(await sign({ action: "delete" }, "doomed"), { method: "DELETE" });
    expect(reply.status).toBe(204);
    expect(await bucket.file("doomed").exists()).toEqual([false]);
  });
});
