import { createHash, createSign } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Served, serveStorage } from "./serve-storage.ts";

const WEEK = 7 * 24 * 3600;

let served: Served;
beforeAll(async () => {
  served = await serveStorage();
  const bucket = await served.bucket("hand");
  await bucket.file("data").save("signed", { resumable: false });
});
afterAll(() => served.close());

/** Signs a GET of the object by the steps of Cloud Storage's documentation, which clients follow each in their way. */
function sign({ host = new URL(served.url).host, expires = 60 } = {}): string {
  const { client_email, private_key } = served.serviceAccount;
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = `${date.slice(0, 8)}/auto/storage/goog4_request`;
  const query = new URLSearchParams({
    "X-Goog-Algorithm": "GOOG4-RSA-SHA256",
    "X-Goog-Credential": `${client_email}/${scope}`,
    "X-Goog-Date": date,
    "X-Goog-Expires": String(expires),
    "X-Goog-SignedHeaders": "host",
  });
  const canonical = ["GET", "/hand/data", query, `host:${host}\n`, "host", "UNSIGNED-PAYLOAD"].join("\n");
  const digest = createHash("sha256").update(canonical).digest("hex");
  const text = ["GOOG4-RSA-SHA256", date, scope, digest].join("\n");
  return `${served.url}/hand/data?${query}&X-Goog-Signature=${createSign("RSA-SHA256").update(text).sign(private_key, "hex")}`;
}

const status = async (url: string) => (await fetch(url)).status;

test("a signed host counts with its port and without, and no other does", async () => {
  const { host, hostname } = new URL(served.url);
  expect(await status(sign({ host }))).toBe(200);
  expect(await status(sign({ host: hostname }))).toBe(200);
  expect(await status(sign({ host: "storage.googleapis.com" }))).toBe(403);
});

test.each([
  [1, 200],
  [WEEK, 200],
  [WEEK + 1, 400],
  [0, 400],
])("a URL that is to live for %i seconds is answered with %i", async (expires, expected) => {
  expect(await status(sign({ expires }))).toBe(expected);
});
