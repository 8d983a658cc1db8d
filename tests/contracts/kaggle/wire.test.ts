import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { type RunningKaggle, startKaggle } from "../../../local/kaggle/start-kaggle.ts";

/** The facts that the job relies on, asked of the stand-in always and of Kaggle itself where credentials are present. */
const { KAGGLE_API_TOKEN, KAGGLE_USERNAME, KAGGLE_KEY } = process.env;
const vendorAuthorization =
  KAGGLE_API_TOKEN !== undefined
    ? `Bearer ${KAGGLE_API_TOKEN}`
    : KAGGLE_USERNAME !== undefined && KAGGLE_KEY !== undefined
      ? toBasic(KAGGLE_USERNAME, KAGGLE_KEY)
      : undefined;

function toBasic(username: string, key: string): string {
  return `Basic ${Buffer.from(`${username}:${key}`).toString("base64")}`;
}

const dataset = z.object({
  ref: z.string().regex(/^[^/]+\/[^/]+$/),
  title: z.string(),
  totalBytes: z.number().positive(),
  currentVersionNumber: z.number().int().positive(),
  downloadCount: z.number(),
  voteCount: z.number(),
  usabilityRating: z.number().min(0).max(1),
  licenseName: z.string(),
  lastUpdated: z.iso.datetime(),
  tags: z.array(z.object({ name: z.string() })),
});
const list = z.object({ datasets: z.array(dataset).default([]) });

let kaggle: RunningKaggle;
beforeAll(async () => {
  kaggle = await startKaggle({ port: 0, users: [{ username: "ada", key: "ada-key" }] });
});
afterAll(() => kaggle.close());

const standIn = { name: "the stand-in", baseUrl: () => `${kaggle.url}/v1`, authorization: toBasic("ada", "ada-key") };
const vendor = { name: "Kaggle", baseUrl: () => "https://api.kaggle.com/v1", authorization: vendorAuthorization ?? "" };

describe.each(vendorAuthorization === undefined ? [standIn] : [standIn, vendor])("$name", (target) => {
  const call = (method: string, body: unknown, authorization = target.authorization) =>
    fetch(`${target.baseUrl()}/datasets.DatasetApiService/${method}`, {
      method: "POST",
      redirect: "manual",
      headers: { authorization, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const search = async (query: Record<string, unknown>) =>
    list.parse(await (await call("ListDatasets", query)).json()).datasets;
  /** Something small that is surely there. */
  const pick = async () => {
    const [first] = await search({ search: "penguins", maxSize: 100_000, sortBy: "DATASET_SORT_BY_VOTES" });
    if (first === undefined) throw new Error("The search for penguins finds nothing");
    const [ownerSlug, datasetSlug] = first.ref.split("/");
    return { ownerSlug, datasetSlug, datasetVersionNumber: first.currentVersionNumber };
  };

  test("finds datasets within a size, most votes first, and nothing for nonsense", async () => {
    const found = await search({ search: "weather", maxSize: 50_000_000, sortBy: "DATASET_SORT_BY_VOTES" });
    const votes = found.map(({ voteCount }) => voteCount);
    expect(votes.length).toBeGreaterThan(1);
    expect(votes).toEqual(votes.toSorted((a, b) => b - a));
    expect(Math.max(...found.map(({ totalBytes }) => totalBytes))).toBeLessThanOrEqual(50_000_000);
    expect(await search({ search: "qzxv wjkq hydrophonium" })).toEqual([]);
  });

  test("redirects a download to a signed URL of three days", async () => {
    const reply = await call("DownloadDataset", await pick());
    expect(reply.status).toBe(302);
    const url = new URL(reply.headers.get("location") ?? "");
    expect(url.searchParams.get("X-Goog-Expires")).toBe("259200");
    expect(url.searchParams.get("X-Goog-SignedHeaders")).toBe("host");
  });

  test("serves ranges of the bundle with its size, checksums and identity", async () => {
    const location = (await call("DownloadDataset", await pick())).headers.get("location") ?? "";
    const [first, again] = [
      await fetch(location, { headers: { range: "bytes=0-0" } }),
      await fetch(location, { headers: { range: "bytes=1-3" } }),
    ];
    expect(first.status).toBe(206);
    expect(first.headers.get("content-range")).toMatch(/^bytes 0-0\/[1-9]\d*$/);
    expect(first.headers.get("x-goog-hash")).toMatch(/crc32c=[\w+/]{6}==/);
    expect(await again.text()).toMatch(/^K/);
    for (const name of ["etag", "x-goog-generation", "x-goog-hash"])
      expect(again.headers.get(name)).toBe(first.headers.get(name));
  });

  test("refuses wrong credentials, and datasets that are not there", async () => {
    expect((await call("GetDataset", await pick(), toBasic("nobody", "wrong"))).status).toBe(401);
    const missing = await call("GetDataset", { ownerSlug: "noaa", datasetSlug: "no-such-dataset-qzxv" });
    expect([403, 404]).toContain(missing.status);
  });
});
