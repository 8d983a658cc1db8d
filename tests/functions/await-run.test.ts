import { expect, test } from "vitest";
import { awaitRun } from "../../shared/http/await-run.ts";

const never = new AbortController().signal;

test("a run is read until it is over", async () => {
  const states = ["queued", "running", "succeeded", "unread"];
  const read = async () => states.shift();
  expect(await awaitRun(read, (state) => state === "succeeded", { seconds: 30, signal: never })).toBe("succeeded");
  expect(states).toEqual(["unread"]);
});

test("a run that is not over in time is told as it was read last, after the time was up", async () => {
  const startedAt = performance.now();
  const readAt: number[] = [];
  const read = async () => readAt.push(performance.now() - startedAt);
  const reads = await awaitRun(read, () => false, { seconds: 0.5, signal: never });
  expect(reads).toBe(readAt.length);
  expect(readAt.at(-1)).toBeGreaterThanOrEqual(499);
  expect(reads).toBeLessThanOrEqual(4);
});

test("without a wait the run is read once", async () => {
  let reads = 0;
  await awaitRun(
    async () => ++reads,
    () => false,
    { seconds: 0, signal: never },
  );
  expect(reads).toBe(1);
});

test("when the client hangs up, nothing more is read than what tells so", async () => {
  const client = new AbortController();
  let reads = 0;
  const read = async () => {
    reads++;
    client.abort();
  };
  await awaitRun(read, () => false, { seconds: 3600, signal: client.signal });
  expect(reads).toBe(1);
});
