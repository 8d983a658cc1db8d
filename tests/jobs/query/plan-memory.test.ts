import { totalmem } from "node:os";
import { expect, test } from "vitest";
import { containerMemory, planMemory } from "../../../jobs/query/plan-memory.ts";

const GB = 1024 ** 3;
const NEEDS = { concurrency: 4, memoryMb: 512, warmChildren: 16, cacheBytes: undefined };

test("a container's memory is no more than the machine has", () => {
  expect(containerMemory()).toBeGreaterThan(0);
  expect(containerMemory()).toBeLessThanOrEqual(totalmem());
});

test("snapshots get a quarter of the memory unless told otherwise, a Parquet result's text an eighth and 2 GiB at most", () => {
  expect(planMemory(8 * GB, NEEDS)).toEqual({ cacheBytes: 2 * GB, maxSpoolBytes: GB, warning: undefined });
  expect(planMemory(64 * GB, { ...NEEDS, cacheBytes: 1000 })).toEqual({
    cacheBytes: 1000,
    maxSpoolBytes: 2 * GB,
    warning: undefined,
  });
});

test.each([
  ["queries at a time", { concurrency: 8 }],
  ["memory for a query", { memoryMb: 2048 }],
  ["processes that wait", { warmChildren: 64 }],
  ["snapshots", { cacheBytes: 20 * GB }],
])("a container with too little memory for so many %s is warned of", (_, needs) => {
  expect(planMemory(8 * GB, { ...NEEDS, ...needs }).warning).toMatch(
    /^warning: queries may take \d+\.\d GB of the container's 8\.0 GB: /,
  );
});
