import { createHash } from "node:crypto";
import { crc32c } from "@node-rs/crc32";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { FaultRule } from "../../../local/kaggle/faults.ts";
import { type RunningKaggle, startKaggle } from "../../../local/kaggle/start-kaggle.ts";
import { syntheticDataset } from "../../../local/kaggle/synthetic-dataset.ts";
import { encodeCrc32c } from "../../../shared/cloud/crc32c.ts";
import { callRpc, getBlob, listRefs, readBlob, readUntilBroken, requestDownload } from "./call-kaggle.ts";

const REF = "labs/sixteen-mib";
const BYTES = 16 * 2 ** 20;
let kaggle: RunningKaggle;
beforeAll(async () => {
  kaggle = await startKaggle({ port: 0, extraDatasets: [syntheticDataset({ ref: REF, bytes: BYTES, md5: true })] });
});
afterAll(() => kaggle.close());
afterEach(() => kaggle.faults.clear());

const view = (ref = REF) => {
  const [ownerSlug, datasetSlug] = ref.split("/");
  return callRpc(kaggle.url, "GetDataset", { ownerSlug, datasetSlug });
};
const download = () => requestDownload(kaggle.url, REF);

describe("a refused call", () => {
  test.each<[FaultRule["fault"], number, unknown]>([
    [{ kind: "unauthorized" }, 401, { code: 401, message: "Unauthorized" }],
    [{ kind: "consent_required" }, 403, { code: 403, message: expect.stringContaining("accept") }],
    [{ kind: "not_found" }, 404, { code: 404, message: "Not found" }],
    [{ kind: "server_error" }, 503, { code: 503, message: "The service is unavailable" }],
    [{ kind: "server_error", status: 500 }, 500, { code: 500, message: "The service is unavailable" }],
    [
      { kind: "rate_limited" },
      429,
      { error: { code: 429, message: "Too many requests", status: "RESOURCE_EXHAUSTED" } },
    ],
    [{ kind: "rate_limited", body: "www" }, 429, { code: 429, message: "TooManyRequests" }],
  ])("with %j is answered %i once, then as ever", async (fault, status, body) => {
    kaggle.faults.add({ on: "view", fault });
    const refused = await view();
    expect(refused.status).toBe(status);
    expect(await refused.json()).toEqual(body);
    expect((await view()).status).toBe(200);
  });

  test("speaks the REST host's dialect on REST paths", async () => {
    kaggle.faults.add({ on: "view", fault: { kind: "rate_limited" } });
    const reply = await fetch(`${kaggle.url}/api/v1/datasets/view/${REF}`);
    expect(await reply.json()).toEqual({ code: 429, message: "TooManyRequests" });
  });

  test("names when to come back, in seconds or as a date", async () => {
    const date = "Wed, 21 Oct 2026 07:28:00 GMT";
    kaggle.faults.add({ on: "view", fault: { kind: "rate_limited", retryAfter: 7 } });
    kaggle.faults.add({ on: "view", skip: 1, fault: { kind: "server_error", retryAfter: date } });
    expect((await view()).headers.get("retry-after")).toBe("7");
    expect((await view()).headers.get("retry-after")).toBe(date);
  });

  test("can be reset", async () => {
    kaggle.faults.add({ on: "list", fault: { kind: "reset" } });
    await expect(listRefs(kaggle.url, {})).rejects.toMatchObject({ cause: { code: "ECONNRESET" } });
    expect(await listRefs(kaggle.url, { search: "penguins" })).toHaveLength(1);
  });
});

describe("a rule", () => {
  test("hits its own operation and dataset only, after those it skips, as often as it says", async () => {
    const rule = kaggle.faults.add({ on: "view", ref: REF, skip: 1, times: 2, fault: { kind: "not_found" } });
    expect((await view("noaa/seattle-weather")).status).toBe(200);
    await download();
    const statuses = [];
    for (let round = 0; round < 4; round++) statuses.push((await view()).status);
    expect(statuses).toEqual([200, 404, 404, 200]);
    expect(rule.hits).toBe(2);
  });

  test("without an end hits until it is cleared", async () => {
    kaggle.faults.add({ on: "view", times: null, fault: { kind: "not_found" } });
    for (let round = 0; round < 5; round++) expect((await view()).status).toBe(404);
    kaggle.faults.clear();
    expect((await view()).status).toBe(200);
  });

  test("can be armed, counted and disarmed over HTTP", async () => {
    const control = `${kaggle.url}/_faults`;
    const arm = (rule: unknown) => fetch(control, { method: "POST", body: JSON.stringify(rule) });
    const armed = await arm({ on: "view", times: null, fault: { kind: "not_found" } });
    expect(armed.status).toBe(201);
    const { id } = await armed.json();
    expect((await view()).status).toBe(404);
    expect(await (await fetch(control)).json()).toMatchObject([{ id, on: "view", hits: 1 }]);
    expect((await fetch(`${control}/${id}`, { method: "DELETE" })).status).toBe(204);
    expect((await fetch(`${control}/${id}`, { method: "DELETE" })).status).toBe(404);
    await arm({ on: "view", times: null, fault: { kind: "not_found" } });
    expect((await fetch(control, { method: "DELETE" })).status).toBe(204);
    expect((await view()).status).toBe(200);
    const wrong = await arm({ on: "view", fault: { kind: "flood" } });
    expect(wrong.status).toBe(400);
    expect(kaggle.faults.list()).toEqual([]);
  });
});

describe("a broken download", () => {
  test("is reset after so many bytes, and goes on from there by Range", async () => {
    kaggle.faults.add({ on: "blob", fault: { kind: "reset", afterBytes: 5 * 2 ** 20 } });
    const url = await download();
    const { bytes, error } = await readUntilBroken(url);
    expect(error).toBe("ECONNRESET");
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual(5 * 2 ** 20);
    expect(await readBlob(url, `bytes=${bytes}-`)).toHaveLength(BYTES - bytes);
  });

  test("of one range leaves the others alone", async () => {
    kaggle.faults.add({ on: "blob", rangeStart: 1000, fault: { kind: "server_error" } });
    const url = await download();
    expect((await getBlob(url, "bytes=0-999")).status).toBe(206);
    expect((await getBlob(url, "bytes=1000-1999")).status).toBe(503);
    expect((await getBlob(url, "bytes=1000-1999")).status).toBe(206);
  });

  test("stalls after so many bytes without an end", async () => {
    kaggle.faults.add({ on: "blob", fault: { kind: "stall", afterBytes: 100 } });
    const reply = await getBlob(await download());
    const reader = reply.body?.getReader();
    expect((await reader?.read())?.value).toHaveLength(100);
    const next = reader?.read().then(() => "more");
    expect(await Promise.race([next, view().then(() => "nothing")])).toBe("nothing");
    await reader?.cancel();
  });

  test.each<[FaultRule["fault"], number, string]>([
    [{ kind: "expired_url" }, 400, "ExpiredToken"],
    [{ kind: "consent_required" }, 403, "AccessDenied"],
    [{ kind: "not_found" }, 404, "NoSuchKey"],
    [{ kind: "rate_limited", retryAfter: 3 }, 429, "TooManyRequests"],
    [{ kind: "server_error" }, 503, "ServiceUnavailable"],
  ])("with %j is refused by the bucket in XML with %i", async (fault, status, code) => {
    kaggle.faults.add({ on: "blob", fault });
    const reply = await getBlob(await download());
    expect(reply.status).toBe(status);
    expect(reply.headers.get("content-type")).toContain("application/xml");
    expect(reply.headers.get("retry-after")).toBe(status === 429 ? "3" : null);
    expect(await reply.text()).toContain(`<Code>${code}</Code>`);
  });
});

describe("an untrue download", () => {
  const read = async () => {
    const reply = await getBlob(await download());
    const bytes = Buffer.from(await reply.arrayBuffer());
    return { bytes, hash: reply.headers.get("x-goog-hash") };
  };
  const hashOf = (bytes: Buffer) =>
    `crc32c=${encodeCrc32c(crc32c(bytes))},md5=${createHash("md5").update(bytes).digest("base64")}`;

  test("has right checksums when nothing is wrong", async () => {
    const { bytes, hash } = await read();
    expect(hash).toBe(hashOf(bytes));
  });

  test("names checksums of something else", async () => {
    kaggle.faults.add({ on: "blob", fault: { kind: "wrong_hash" } });
    const { bytes, hash } = await read();
    const [crc, md5] = hashOf(bytes).split(",");
    expect(hash).toMatch(/^crc32c=.{6}==,md5=.{22}==$/);
    expect(hash).not.toContain(crc);
    expect(hash).not.toContain(md5);
  });

  test("has one byte that is another", async () => {
    const truth = await read();
    kaggle.faults.add({ on: "blob", fault: { kind: "corrupt", at: 3_000_000 } });
    const { bytes, hash } = await read();
    expect(hash).toBe(truth.hash);
    const differing = bytes.reduce<number[]>(
      (found, byte, index) => (byte === truth.bytes[index] ? found : found.concat(index)),
      [],
    );
    expect(differing).toEqual([3_000_000]);
  });

  test.each<["md5" | "crc32c" | "both", RegExp | null]>([
    ["md5", /^crc32c=.{6}==$/],
    ["crc32c", /^md5=.{22}==$/],
    ["both", null],
  ])("leaves out %s", async (omit, expected) => {
    kaggle.faults.add({ on: "blob", fault: { kind: "no_hash", omit } });
    const { hash } = await read();
    if (expected === null) expect(hash).toBeNull();
    else expect(hash).toMatch(expected);
  });

  test("ignores Range and does not offer it", async () => {
    kaggle.faults.add({ on: "blob", fault: { kind: "no_range" } });
    const reply = await getBlob(await download(), "bytes=5-9");
    expect(reply.status).toBe(200);
    expect(reply.headers.get("accept-ranges")).toBeNull();
    expect(reply.headers.get("content-length")).toBe(String(BYTES));
    await reply.body?.cancel();
  });

  test("turns into another generation halfway", async () => {
    const url = await download();
    const identify = async () => {
      const { headers } = await getBlob(url, "bytes=0-0");
      return { etag: headers.get("etag"), generation: headers.get("x-goog-generation") };
    };
    const before = await identify();
    expect(await identify()).toEqual(before);
    kaggle.faults.add({ on: "blob", fault: { kind: "new_generation" } });
    const after = await identify();
    expect(after.etag).not.toBe(before.etag);
    expect(Number(after.generation)).toBeGreaterThan(Number(before.generation));
  });
});
