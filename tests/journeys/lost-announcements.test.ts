import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestCloud, type TestCloud } from "./start-test-cloud.ts";
import { waitFor } from "./wait-for.ts";

const STOPPED_MS = 30_000;

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud();
});
afterAll(() => cloud.close());

test("runs start by the sweep after pg_net was down for 30 seconds and forgot its queue, as in a crash", {
  timeout: 120_000,
}, async () => {
  await cloud.pgNet?.stop();
  const [project] = await cloud.sql<{ id: string }>(
    `insert into public.projects (user_id, status, search_keywords) values ($1, 'pending_dataset', '{seattle,weather}')
     returning id`,
    [cloud.info.owner.id],
  );
  await new Promise((resolve) => setTimeout(resolve, STOPPED_MS));
  const queued = await cloud.sql("select state, attempt from corral.runs where subject = $1", [project?.id]);
  expect(queued).toEqual([{ state: "queued", attempt: 0 }]);

  await cloud.sql("truncate net.http_request_queue");
  await cloud.pgNet?.start();
  const run = await waitFor(async () => {
    const [ended] = await cloud.sql(
      "select state, attempt from corral.runs where subject = $1 and finished_at is not null",
      [project?.id],
    );
    return ended;
  });
  expect(run).toEqual({ state: "succeeded", attempt: 1 });
});
