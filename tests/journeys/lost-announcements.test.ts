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

test("runs wait while the dispatch secret is wrong, say so once, and start when it is corrected", {
  timeout: 120_000,
}, async () => {
  const setSecret = (secret: string) =>
    cloud.sql("select vault.update_secret(id, $1) from vault.secrets where name = 'corral_dispatch_secret'", [secret]);
  const [right] = await cloud.sql<{ secret: string }>(
    "select decrypted_secret as secret from vault.decrypted_secrets where name = 'corral_dispatch_secret'",
  );
  await setSecret("wrong");
  const [project] = await cloud.sql<{ id: string }>(
    `insert into public.projects (user_id, status, search_keywords) values ($1, 'pending_dataset', '{penguins}')
     returning id`,
    [cloud.info.owner.id],
  );
  const runWhere = async (condition: string) => {
    const [run] = await cloud.sql(
      `select id, request_id, state, error_code from corral.runs where subject = $1 and ${condition}`,
      [project?.id],
    );
    return run;
  };
  const refused = await waitFor(() => runWhere("error_code = 'dispatch_refused'"));
  expect(refused).toMatchObject({ state: "queued" });
  await waitFor(() => runWhere(`request_id > ${refused.request_id}`));
  await setSecret(right?.secret ?? "");
  expect(await waitFor(() => runWhere("finished_at is not null"))).toMatchObject({
    state: "succeeded",
    error_code: null,
  });
  const lines = await cloud.sql(
    "select message from public.agent_logs where project_id = $1 and log_level = 'warning'",
    [project?.id],
  );
  expect(lines).toEqual([{ message: expect.stringContaining("answers 401") }]);
});
