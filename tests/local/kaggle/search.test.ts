import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningKaggle, startKaggle } from "../../../local/kaggle/start-kaggle.ts";
import { syntheticDataset } from "../../../local/kaggle/synthetic-dataset.ts";
import { callRpc, type Listed, listPage, listRefs } from "./call-kaggle.ts";

const OWNER = { username: "owner", key: "secret" };
const BASIC = { authorization: `Basic ${Buffer.from("owner:secret").toString("base64")}` };
let kaggle: RunningKaggle;
beforeAll(async () => {
  const hidden = { ...syntheticDataset({ ref: "owner/hidden-notes", bytes: 100 }), isPrivate: true };
  const large = syntheticDataset({ ref: "labs/large-archive", bytes: 60 * 2 ** 30 });
  kaggle = await startKaggle({ port: 0, users: [OWNER], extraDatasets: [hidden, large] });
});
afterAll(() => kaggle.close());

const search = (query: Record<string, unknown>) => listRefs(kaggle.url, query);

describe("a phrase", () => {
  test("finds what holds all of its words, the most relevant first", async () => {
    expect(await search({ search: "seattle weather", sortBy: "DATASET_SORT_BY_RELEVANCE" })).toEqual([
      "noaa/seattle-weather",
      "weatherdesk/seattle-and-new-york-weather",
    ]);
  });

  test.each([
    ["ref", "palmerstation", "palmerstation/palmer-penguins"],
    ["title", "one week", "usgs/earthquakes-one-week"],
    ["subtitle", "Rotten Tomatoes", "filmdata/movies-box-office"],
    ["tags", "automobiles", "statlib/auto-mpg-1983"],
    ["description", "EM-DAT", "owid/deaths-from-disasters"],
  ])("finds a word of the %s", async (_field, phrase, ref) => {
    expect(await search({ search: phrase })).toEqual([ref]);
  });

  test("finds the plural of its words, their singular, and what they begin", async () => {
    const refs = await search({ search: "flight delay" });
    expect(refs).toEqual(["usdot/flight-delays"]);
    expect(await search({ search: "FLIGHTS delays" })).toEqual(refs);
    expect(await search({ search: "fligh delay" })).toEqual(refs);
  });

  test("finds nothing when one word is unknown", async () => {
    expect(await listPage(kaggle.url, { search: "whale hydrophone" })).toEqual({ datasets: [], nextPageToken: "" });
    expect(await search({ search: "weather hydrophone" })).toEqual([]);
  });
});

describe("the sort order", () => {
  const sorted = async (sortBy: string) => (await listPage(kaggle.url, { sortBy, pageSize: 100 })).datasets;

  test.each<[string, (dataset: Listed) => number]>([
    ["VOTES", (dataset) => dataset.voteCount],
    ["DOWNLOAD_COUNT", (dataset) => dataset.downloadCount],
    ["USABILITY", (dataset) => dataset.usabilityRating],
    ["NOTEBOOK_COUNT", (dataset) => dataset.kernelCount],
    ["UPDATED", (dataset) => Date.parse(dataset.lastUpdated)],
  ])("%s puts the highest first", async (order, keyOf) => {
    const keys = (await sorted(`DATASET_SORT_BY_${order}`)).map(keyOf);
    expect(keys).toEqual(keys.toSorted((a, b) => b - a));
    expect(new Set(keys).size).toBeGreaterThan(5);
  });

  test("PUBLISHED goes by the first version, UPDATED by the newest", async () => {
    const published = await search({ sortBy: "DATASET_SORT_BY_PUBLISHED", search: "aviation" });
    const updated = await search({ sortBy: "DATASET_SORT_BY_UPDATED", search: "aviation" });
    expect(published).toEqual(["faa/aircraft-wildlife-strikes", "usdot/airline-routes-2008", "usdot/flight-delays"]);
    expect(updated).toEqual(["usdot/flight-delays", "faa/aircraft-wildlife-strikes", "usdot/airline-routes-2008"]);
  });

  test("HOTTEST is the default and prefers votes of today over those of long ago", async () => {
    const hottest = await search({ search: "time series" });
    expect(hottest).toEqual(await search({ search: "time series", sortBy: "DATASET_SORT_BY_HOTTEST" }));
    const [climate, market] = ["scripps/mauna-loa-co2", "marketwatchers/sp500-daily-2000-2020"] as const;
    expect(hottest.indexOf(climate)).toBeLessThan(hottest.indexOf(market));
    const voted = await search({ search: "time series", sortBy: "DATASET_SORT_BY_VOTES" });
    expect(voted.indexOf(climate)).toBeGreaterThan(voted.indexOf(market));
  });

  test("LAST_VIEWED lists what was viewed, the latest first", async () => {
    for (const ref of ["usgs/earthquakes-one-week", "faa/aircraft-wildlife-strikes"]) {
      const [ownerSlug, datasetSlug] = ref.split("/");
      await callRpc(kaggle.url, "GetDataset", { ownerSlug, datasetSlug });
    }
    const viewed = await search({ sortBy: "DATASET_SORT_BY_LAST_VIEWED" });
    expect(new Set(viewed)).toEqual(new Set(["faa/aircraft-wildlife-strikes", "usgs/earthquakes-one-week"]));
  });

  test("the old lower-case names mean the same", async () => {
    expect(await search({ sortBy: "votes" })).toEqual(await search({ sortBy: "DATASET_SORT_BY_VOTES" }));
  });

  test("an unknown one is refused", async () => {
    const reply = await callRpc(kaggle.url, "ListDatasets", { sortBy: "loudest" });
    expect(reply.status).toBe(400);
    expect(await reply.json()).toMatchObject({ code: 400, message: expect.stringContaining("sortBy") });
  });
});

describe("paging", () => {
  test("pages by number and by token hold every dataset once", async () => {
    const all = await search({ pageSize: 100 });
    const byNumber: string[] = [];
    const byToken: string[] = [];
    let pageToken = "";
    for (let page = 1; page <= Math.ceil(all.length / 7); page++) {
      byNumber.push(...(await search({ page, pageSize: 7 })));
      const next = await listPage(kaggle.url, { pageToken, pageSize: 7 });
      byToken.push(...next.datasets.map(({ ref }) => ref));
      pageToken = next.nextPageToken;
    }
    expect(pageToken).toBe("");
    expect(byNumber).toEqual(all);
    expect(byToken).toEqual(all);
  });

  test("a page past the end is empty", async () => {
    expect(await listPage(kaggle.url, { page: 40 })).toEqual({ datasets: [], nextPageToken: "" });
  });

  test("a page holds 20 datasets unless asked otherwise, and none come after page 500", async () => {
    const one = syntheticDataset({ ref: "labs/one", bytes: 10 });
    const extraDatasets = Array.from({ length: 501 }, (_, index) => ({ ...one, ref: `labs/set-${index}` }));
    const many = await startKaggle({ port: 0, extraDatasets });
    try {
      const { datasets, nextPageToken } = await listPage(many.url, { search: "synthetic" });
      expect(datasets).toHaveLength(20);
      const next = await listRefs(many.url, { search: "synthetic", pageToken: nextPageToken });
      expect(next).toEqual(await listRefs(many.url, { search: "synthetic", page: 2 }));
      expect(await listRefs(many.url, { search: "synthetic", pageSize: 1, page: 500 })).toHaveLength(1);
      expect(await listRefs(many.url, { search: "synthetic", pageSize: 1, page: 501 })).toEqual([]);
    } finally {
      await many.close();
    }
  });
});

describe("filters", () => {
  test("size bounds count the bytes of the bundle", async () => {
    const { datasets } = await listPage(kaggle.url, { minSize: 100_000, maxSize: 700_000, pageSize: 100 });
    expect(datasets.length).toBeGreaterThan(3);
    for (const { totalBytes } of datasets) {
      expect(totalBytes).toBeGreaterThanOrEqual(100_000);
      expect(totalBytes).toBeLessThanOrEqual(700_000);
    }
    expect(await search({ minSize: 50 * 2 ** 30 })).toEqual(["labs/large-archive"]);
  });

  test("bounds that cross are refused", async () => {
    expect((await callRpc(kaggle.url, "ListDatasets", { minSize: 2, maxSize: 1 })).status).toBe(400);
  });

  test("file type, licence group, owner and tags narrow what is found", async () => {
    expect(await search({ fileType: "DATASET_FILE_TYPE_GROUP_PARQUET" })).toEqual(["usdot/flight-delays"]);
    const licences = (await listPage(kaggle.url, { license: "DATASET_LICENSE_GROUP_CC" })).datasets;
    expect(licences.length).toBeGreaterThan(3);
    for (const { licenseName } of licences) expect(licenseName).toMatch(/^(CC|Attribution)/);
    expect(await search({ license: "odb" })).toEqual(["statlib/auto-mpg-1983"]);
    expect(await search({ license: "gpl" })).toEqual([]);
    expect(new Set(await search({ user: "usdot" }))).toEqual(
      new Set(["usdot/flight-delays", "usdot/airline-routes-2008"]),
    );
    expect(await search({ tagIds: "animals,aviation" })).toEqual(["faa/aircraft-wildlife-strikes"]);
  });

  test("a private dataset is found, viewed and downloaded by its owner only", async () => {
    const query = { search: "hidden notes" };
    const name = { ownerSlug: "owner", datasetSlug: "hidden-notes" };
    expect(await search(query)).toEqual([]);
    for (const method of ["GetDataset", "DownloadDataset"])
      expect((await callRpc(kaggle.url, method, name)).status).toBe(403);
    const mine = await callRpc(kaggle.url, "ListDatasets", { group: "DATASET_SELECTION_GROUP_MY" }, BASIC);
    expect(await mine.json()).toMatchObject({ datasets: [{ ref: "owner/hidden-notes", isPrivate: true }] });
    expect((await callRpc(kaggle.url, "DownloadDataset", name, BASIC)).status).toBe(302);
    expect((await callRpc(kaggle.url, "ListDatasets", { group: "my" })).status).toBe(401);
  });
});
