import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { DatasetSpec } from "../../../local/kaggle/dataset.ts";
import { type RunningKaggle, startKaggle } from "../../../local/kaggle/start-kaggle.ts";
import { syntheticDataset } from "../../../local/kaggle/synthetic-dataset.ts";
import { callRpc, listRefs } from "./call-kaggle.ts";

/** Each comes first in one order and not in the others. */
const SPECS: (Partial<DatasetSpec> & { ref: string; date: string })[] = [
  { ref: "zoo/named", date: "2026-11-01", title: "Zebrafish", downloadCount: 1, voteCount: 10 },
  { ref: "zoo/downloaded", date: "2001-01-01", description: "zebrafish", downloadCount: 30, voteCount: 1000 },
  { ref: "zoo/discussed", date: "2024-01-01", description: "zebrafish", downloadCount: 20, topicCount: 9 },
];

let kaggle: RunningKaggle;
beforeAll(async () => {
  const extraDatasets = SPECS.map(({ date, ...spec }) => {
    const made = syntheticDataset({ ref: spec.ref, bytes: 10 });
    return { ...made, ...spec, versions: made.versions.map((version) => ({ ...version, creationDate: date })) };
  });
  kaggle = await startKaggle({ port: 0, extraDatasets });
});
afterEach(() => {
  vi.useRealTimers();
});
afterAll(() => kaggle.close());

test.each([
  ["RELEVANCE", ["zoo/named", "zoo/downloaded", "zoo/discussed"]],
  ["ACTIVE", ["zoo/discussed", "zoo/downloaded", "zoo/named"]],
  ["HOTTEST", ["zoo/named", "zoo/downloaded", "zoo/discussed"]],
  ["DOWNLOAD_COUNT", ["zoo/downloaded", "zoo/discussed", "zoo/named"]],
])("%s sorts by its own measure, and equals by their downloads", async (order, refs) => {
  expect(await listRefs(kaggle.url, { search: "zebrafish", sortBy: `DATASET_SORT_BY_${order}` })).toEqual(refs);
});

test("LAST_VIEWED puts first what was viewed last", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  for (const datasetSlug of ["downloaded", "named", "discussed"]) {
    vi.setSystemTime(Date.now() + 1000);
    await callRpc(kaggle.url, "GetDataset", { ownerSlug: "zoo", datasetSlug });
  }
  expect(await listRefs(kaggle.url, { sortBy: "DATASET_SORT_BY_LAST_VIEWED" })).toEqual([
    "zoo/discussed",
    "zoo/named",
    "zoo/downloaded",
  ]);
});
