import { type GetSignedUrlConfig, Storage } from "@google-cloud/storage";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  createUrlSigner,
  hmacKey,
  MAX_LIFETIME_SECONDS,
  rsaKey,
  type SigningKey,
  type UrlRequest,
} from "../../../shared/cloud/sign-url.ts";
import { type Served, serveStorage } from "../../local/storage/serve-storage.ts";

let served: Served;
beforeAll(async () => {
  served = await serveStorage();
  await served.bucket("signed");
});
afterAll(() => served.close());

const keys: [string, () => SigningKey][] = [
  ["RSA", () => rsaKey(served.serviceAccount)],
  ["HMAC", () => hmacKey(served.storageHmac)],
];

describe("a URL signed with RSA is the SDK's own, byte by byte,", () => {
  const HOUR = 3600;
  const requests: [string, UrlRequest, Partial<GetSignedUrlConfig>][] = [
    ["for reading", { method: "GET", object: "jobs/1/code/train.py", lifetimeSeconds: HOUR }, { action: "read" }],
    [
      "for a name with spaces, unicode and all that URLs dislike",
      { method: "GET", object: "dir/ümläut & (1)!*'+%#?.bin", lifetimeSeconds: MAX_LIFETIME_SECONDS },
      { action: "read" },
    ],
    [
      "for writing one type",
      { method: "PUT", object: "a", lifetimeSeconds: HOUR, headers: { "content-type": "text/csv" } },
      { action: "write", contentType: "text/csv" },
    ],
    [
      "for writing with extension headers",
      {
        method: "PUT",
        object: "a",
        lifetimeSeconds: HOUR,
        headers: { "x-goog-meta-b": "two   words ", "X-Goog-Content-Length-Range": "0,5", "content-type": "a/b" },
      },
      {
        action: "write",
        contentType: "a/b",
        extensionHeaders: { "x-goog-meta-b": "two   words ", "X-Goog-Content-Length-Range": "0,5" },
      },
    ],
    [
      "with query parameters",
      {
        method: "GET",
        object: "a",
        lifetimeSeconds: HOUR,
        query: { "response-content-type": "a/b", generation: "7", "UPPER-case": "ü (1)" },
      },
      { action: "read", queryParams: { "response-content-type": "a/b", generation: "7", "UPPER-case": "ü (1)" } },
    ],
  ];

  test.each(requests)("%s", async (_, request, config) => {
    for (const endpoint of [undefined, served.url]) {
      const at = new Date();
      at.setMilliseconds(0);
      const sign = createUrlSigner({ bucket: "signed", endpoint, key: rsaKey(served.serviceAccount), clock: () => at });
      const sdk = endpoint === undefined ? new Storage({ credentials: served.serviceAccount }) : served.connect();
      const [expected] = await sdk
        .bucket("signed")
        .file(request.object)
        .getSignedUrl({
          version: "v4",
          action: "read",
          accessibleAt: at,
          expires: at.getTime() + request.lifetimeSeconds * 1000,
          ...config,
        });
      expect(await sign(request)).toBe(expected);
    }
  });
});

describe.each(keys)("a URL signed with %s", (_, key) => {
  const sign = (request: UrlRequest, clock?: () => Date) =>
    createUrlSigner({ bucket: "signed", endpoint: served.url, key: key(), ...(clock && { clock }) })(request);
  const object = "dir/ümläut & (1)!*'.bin";

  test("stores an object and reads it back", async () => {
    const headers = { "content-type": "text/csv", "x-goog-meta-task": "7" };
    const put = await sign({ method: "PUT", object, lifetimeSeconds: 60, headers });
    expect((await fetch(put, { method: "PUT", headers, body: "a,b\n" })).status).toBe(200);
    const query = { "response-content-disposition": 'attachment; filename="ü.csv"' };
    const reply = await fetch(await sign({ method: "GET", object, lifetimeSeconds: 60, query }));
    expect(await reply.text()).toBe("a,b\n");
    expect(reply.headers.get("content-type")).toBe("text/csv");
  });

  test("stands for no other object, method, type or time", async () => {
    const url = await sign({ method: "GET", object: "mine", lifetimeSeconds: 60 });
    const status = async (other: string, init: RequestInit = {}) => (await fetch(other, init)).status;
    expect(await status(url)).toBe(404);
    expect(await status(url.replace("/mine?", "/yours?"))).toBe(403);
    expect(await status(url.replace("Expires=60", "Expires=600"))).toBe(403);
    expect(await status(url, { method: "PUT", body: "x" })).toBe(403);
    const headers = { "content-type": "text/csv" };
    const put = await sign({ method: "PUT", object: "typed", lifetimeSeconds: 60, headers });
    expect(await status(put, { method: "PUT", headers: { "content-type": "text/html" }, body: "x" })).toBe(403);
    const old = await sign({ method: "GET", object: "mine", lifetimeSeconds: 60 }, () => new Date(Date.now() - 120e3));
    expect(await status(old)).toBe(400);
  });

  test("is signed anew on another day, though the key is kept", async () => {
    const kept = key();
    let now = new Date();
    const signer = createUrlSigner({ bucket: "signed", endpoint: served.url, key: kept, clock: () => now });
    const request: UrlRequest = { method: "GET", object: "none", lifetimeSeconds: MAX_LIFETIME_SECONDS };
    for (const days of [0, 1, 2, 0]) {
      now = new Date(Date.now() - days * 24 * 3600 * 1000);
      expect((await fetch(await signer(request))).status).toBe(404);
    }
  });
});

test("an HMAC URL of an unknown key, or of the right one with another secret, is refused", async () => {
  const { accessId, secret } = served.storageHmac;
  const outcomes = [];
  for (const key of [hmacKey({ accessId, secret: `${secret}x` }), hmacKey({ accessId: `${accessId}X`, secret })]) {
    const sign = createUrlSigner({ bucket: "signed", endpoint: served.url, key });
    const reply = await fetch(await sign({ method: "GET", object: "mine", lifetimeSeconds: 60 }));
    outcomes.push([reply.status, /<Code>(\w+)<\/Code>/.exec(await reply.text())?.[1]]);
  }
  expect(outcomes).toEqual([
    [403, "SignatureDoesNotMatch"],
    [403, "InvalidSecurity"],
  ]);
});
