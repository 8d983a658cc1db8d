import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { crc32c } from "@node-rs/crc32";
import { unzipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningKaggle, startKaggle } from "../../../local/kaggle/start-kaggle.ts";
import { encodeCrc32c } from "../../../shared/cloud/crc32c.ts";
import { callRpc, getBlob, readBlob, requestDownload } from "./call-kaggle.ts";

const REF = "noaa/seattle-weather";
let kaggle: RunningKaggle;
beforeAll(async () => {
  kaggle = await startKaggle({ port: 0 });
});
afterAll(() => kaggle.close());

/** Large buffers are compared by their digest, which also keeps a failure's message short. */
const digest = (bytes: Uint8Array = new Uint8Array()) => createHash("sha256").update(bytes).digest("hex");
const download = (more: Record<string, unknown> = {}, ref = REF) => requestDownload(kaggle.url, ref, more);

describe("a bundle", () => {
  test("is the zip of the dataset's real files", async () => {
    const files = unzipSync(await readBlob(await download()));
    expect(Object.keys(files)).toEqual(["seattle-weather.csv", "seattle-weather-hourly-normals.csv"]);
    const original = await readFile("node_modules/vega-datasets/data/seattle-weather.csv");
    expect(digest(files["seattle-weather.csv"])).toBe(digest(original));
  });

  test("is named by the redirect, which has no body", async () => {
    const reply = await callRpc(kaggle.url, "DownloadDataset", { ownerSlug: "noaa", datasetSlug: "seattle-weather" });
    expect(reply.status).toBe(302);
    expect(reply.headers.get("content-length")).toBe("0");
    const location = new URL(reply.headers.get("location") ?? "");
    expect(location.pathname).toMatch(/^\/kaggle-data-sets\/\d+\/\d+\/bundle\/archive\.zip$/);
    expect(Object.fromEntries(location.searchParams)).toMatchObject({
      "X-Goog-Expires": "259200",
      "X-Goog-SignedHeaders": "host",
      "X-Goog-Date": expect.stringMatching(/^\d{8}T\d{6}Z$/),
    });
  });

  test("carries its size, type, checksums, generation and date", async () => {
    const reply = await getBlob(await download());
    const bytes = Buffer.from(await reply.arrayBuffer());
    expect(reply.status).toBe(200);
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      "accept-ranges": "bytes",
      "content-length": String(bytes.length),
      "content-type": "application/zip",
      etag: expect.stringMatching(/^"[0-9a-f]{32}"$/),
      "last-modified": "Sun, 11 Feb 2024 08:05:47 GMT",
      "x-goog-generation": expect.stringMatching(/^\d{16}$/),
      "x-goog-hash": `crc32c=${encodeCrc32c(crc32c(bytes))},md5=${createHash("md5").update(bytes).digest("base64")}`,
      "x-goog-stored-content-length": String(bytes.length),
    });
  });

  test("is the same at every start", async () => {
    const other = await startKaggle({ port: 0 });
    try {
      const bytes = await readBlob(await requestDownload(other.url, REF));
      expect(digest(bytes)).toBe(digest(await readBlob(await download())));
    } finally {
      await other.close();
    }
  });

  test("of an older version holds less, under another name and generation", async () => {
    const first = unzipSync(await readBlob(await download({ datasetVersionNumber: 1 })));
    const rows = Buffer.from(first["seattle-weather.csv"] ?? [])
      .toString()
      .trim()
      .split("\n");
    expect(rows).toHaveLength(367);
    expect(rows.at(-1)).toMatch(/^2012-12-31,/);
    const generation = async (url: string) => (await getBlob(url, "bytes=0-0")).headers.get("x-goog-generation");
    const [old, current] = [await download({ datasetVersionNumber: 1 }), await download({ datasetVersionNumber: 3 })];
    expect(new URL(old).pathname).not.toBe(new URL(current).pathname);
    expect(await generation(old)).not.toBe(await generation(current));
    const unknown = { ownerSlug: "noaa", datasetSlug: "seattle-weather", datasetVersionNumber: 4 };
    expect((await callRpc(kaggle.url, "DownloadDataset", unknown)).status).toBe(404);
  });
});

describe("one file", () => {
  test("comes as it is when it is small", async () => {
    const url = await download({ fileName: "seattle-weather.csv" });
    expect(new URL(url).pathname).toMatch(/\/seattle-weather\.csv$/);
    const original = await readFile("node_modules/vega-datasets/data/seattle-weather.csv");
    expect(digest(await readBlob(url))).toBe(digest(original));
  });

  test("comes zipped under its name and .zip when it is large, unless asked for raw", async () => {
    const request = { fileName: "flights-sample.json" };
    const zipped = await download(request, "usdot/flight-delays");
    expect(new URL(zipped).pathname).toMatch(/\/compressed\/flights-sample\.json\.zip$/);
    const original = await readFile("node_modules/vega-datasets/data/flights-20k.json");
    expect(digest(unzipSync(await readBlob(zipped))["flights-sample.json"])).toBe(digest(original));
    const raw = await download({ ...request, raw: true }, "usdot/flight-delays");
    expect(digest(await readBlob(raw))).toBe(digest(original));
  });

  test("in a folder is found by its path", async () => {
    const url = await download({ fileName: "temperature/global-temp.csv" }, "scripps/mauna-loa-co2");
    expect((await readBlob(url)).toString()).toMatch(/^year,temp/);
  });

  test("that is not there is refused", async () => {
    const reply = await callRpc(kaggle.url, "DownloadDataset", {
      ownerSlug: "noaa",
      datasetSlug: "seattle-weather",
      fileName: "x.csv",
    });
    expect(reply.status).toBe(404);
  });
});

describe("Range", () => {
  test.each([
    ["bytes=0-0", 0, 1],
    ["bytes=100-199", 100, 200],
    ["bytes=58000-", 58_000, undefined],
    ["bytes=-5", -5, undefined],
    ["bytes=100-999999999", 100, undefined],
  ])("%s is answered with those bytes", async (range, start, end) => {
    const url = await download();
    const whole = await readBlob(url);
    const expected = whole.subarray(start, end);
    const from = start < 0 ? whole.length + start : start;
    const reply = await getBlob(url, range);
    expect(reply.status).toBe(206);
    expect(reply.headers.get("content-range")).toBe(`bytes ${from}-${from + expected.length - 1}/${whole.length}`);
    expect(reply.headers.get("content-length")).toBe(String(expected.length));
    expect(digest(Buffer.from(await reply.arrayBuffer()))).toBe(digest(expected));
  });

  test("past the end is refused with the size", async () => {
    const url = await download();
    const { length } = await readBlob(url);
    const reply = await getBlob(url, `bytes=${length}-`);
    expect(reply.status).toBe(416);
    expect(reply.headers.get("content-range")).toBe(`bytes */${length}`);
  });

  test("holds under If-Range while the object is the same, and is ignored when it no longer is", async () => {
    const url = await download();
    const { headers } = await getBlob(url, "bytes=0-0");
    const statusIf = async (validator: string | null) =>
      (await fetch(url, { headers: { range: "bytes=5-9", "if-range": validator ?? "" } })).status;
    expect(await statusIf(headers.get("etag"))).toBe(206);
    expect(await statusIf(headers.get("last-modified"))).toBe(206);
    expect(await statusIf('"another"')).toBe(200);
    kaggle.faults.add({ on: "blob", fault: { kind: "new_generation" } });
    expect(await statusIf(headers.get("etag"))).toBe(200);
  });

  test.each(["bytes=9-3", "bytes=0-1,5-6", "lines=1-2"])("%s is ignored", async (range) => {
    expect((await getBlob(await download(), range)).status).toBe(200);
  });
});

describe("a signed URL", () => {
  const codeOf = async (reply: Response) => /<Code>(\w+)<\/Code>/.exec(await reply.text())?.[1];

  test("opens nothing but what it was signed for", async () => {
    const url = await download();
    const [first, third] = [await download({ datasetVersionNumber: 1 }), await download({ datasetVersionNumber: 3 })];
    const forged = new URL(first);
    forged.pathname = new URL(third).pathname;
    const stretched = new URL(url);
    stretched.searchParams.set("X-Goog-Expires", "604800");
    for (const bad of [forged, stretched]) {
      const reply = await getBlob(bad.href);
      expect(reply.status).toBe(403);
      expect(await codeOf(reply)).toBe("SignatureDoesNotMatch");
    }
    const bare = await getBlob(url.replace(/\?.*/, ""));
    expect(bare.status).toBe(403);
    expect(await codeOf(bare)).toBe("AccessDenied");
  });

  test("is for GET, not for HEAD", async () => {
    expect((await fetch(await download(), { method: "HEAD" })).status).toBe(403);
  });

  test("expires", async () => {
    kaggle.faults.add({ on: "download", fault: { kind: "expiring_url", seconds: 0 } });
    const reply = await getBlob(await download());
    expect(reply.status).toBe(400);
    expect(await codeOf(reply)).toBe("ExpiredToken");
    expect((await getBlob(await download())).status).toBe(200);
  });

  test("takes no offence at credentials of the API", async () => {
    const reply = await fetch(await download(), { headers: { authorization: "Bearer whatever" } });
    expect(reply.status).toBe(200);
  });
});
