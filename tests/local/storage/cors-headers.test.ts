import { afterAll, beforeAll, expect, test } from "vitest";
import { type Served, serveStorage } from "./serve-storage.ts";

const ORIGIN = "https://console.example";

let served: Served;
beforeAll(async () => {
  served = await serveStorage();
});
afterAll(() => served.close());

test("a page reads the headers that the bucket's CORS setting names, and knows that the answer is for its origin", async () => {
  const bucket = await served.bucket("cors");
  await bucket.file("data").save("x", { resumable: false });
  await bucket.setCorsConfiguration([{ origin: [ORIGIN], method: ["GET"], responseHeader: ["etag", "x-goog-hash"] }]);
  const [url] = await bucket.file("data").getSignedUrl({ version: "v4", action: "read", expires: Date.now() + 60_000 });
  const reply = await fetch(url, { headers: { origin: ORIGIN } });
  expect(await reply.text()).toBe("x");
  expect(Object.fromEntries(reply.headers)).toMatchObject({
    "access-control-allow-origin": ORIGIN,
    "access-control-expose-headers": "etag,x-goog-hash",
    vary: "Origin",
  });
});
