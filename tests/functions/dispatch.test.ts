import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startFunctions } from "./start-functions.ts";

const CONTAINER = fileURLToPath(new URL("print-run.mjs", import.meta.url));
let functions: Awaited<ReturnType<typeof startFunctions>>;
let userId: string;
beforeAll(async () => {
  functions = await startFunctions();
  userId = (await functions.createUser()).id;
});
afterAll(() => functions.close());

interface Run {
  id: number;
  state: string;
  attempt: number;
  execution: string | null;
  error: string | null;
}

/** Queues a run as a project's owner would. */
async function queueRun(): Promise<number> {
  const project = await functions.createProject(userId, "pending_dataset");
  const rows = await functions.db.sql<{ id: string }>("select id from corral.runs where subject = $1", [project]);
  return Number(rows[0]?.id);
}

async function readRun(id: number): Promise<Run | undefined> {
  const [run] = await functions.db.sql<{ run: Run }>("select to_jsonb(r) as run from corral.runs r where id = $1", [
    id,
  ]);
  return run?.run;
}

const dispatch = (body: unknown, token: string | undefined = functions.keys.dispatchSecret) =>
  functions.call("/dispatch", { method: "POST", body, token });

describe("dispatch", () => {
  test("refuses a call without the secret, and one with another", async () => {
    const run = await queueRun();
    const without = await functions.call("/dispatch", { method: "POST", body: { run_id: run } });
    expect(without).toMatchObject({ status: 401, body: { code: "unauthorized" } });
    expect((await dispatch({ run_id: run }, functions.keys.serviceRoleKey)).status).toBe(401);
    expect((await dispatch({ run_id: run }, `${functions.keys.dispatchSecret}x`)).status).toBe(401);
    expect(await readRun(run)).toMatchObject({ state: "queued", attempt: 0 });
  });

  test("refuses a body without a run", async () => {
    const { status, body } = await dispatch({});
    expect(status).toBe(422);
    expect(body.detail).toEqual([{ loc: ["body", "run_id"], msg: "Field required", type: "missing" }]);
  });

  test("puts a run whose launch failed back into the queue, with Cloud Run's words", async () => {
    const run = await queueRun();
    expect(await dispatch({ run_id: run })).toMatchObject({
      status: 202,
      body: { outcome: "launching", run_id: run, attempt: 1 },
    });
    await expect.poll(() => readRun(run)).toMatchObject({ state: "queued", attempt: 1 });
    expect(JSON.stringify(await readRun(run))).toContain("Resource 'kaggle-to-gcs' of kind 'JOB'");
  });

  test("claims a run, launches its container with id and attempt, and records the execution", async () => {
    await functions.defineJob("kaggle-to-gcs", CONTAINER);
    const run = await queueRun();
    const reply = await dispatch({ run_id: run });
    expect(reply).toMatchObject({ status: 202, body: { outcome: "launching", run_id: run, attempt: 1 } });
    await expect.poll(() => functions.lines.some((line) => line.endsWith(`: run ${run} attempt 1`))).toBe(true);
    await expect
      .poll(() => readRun(run))
      .toMatchObject({ state: "launching", attempt: 1, execution: expect.stringMatching(/^kaggle-to-gcs-\w{5}$/) });
  });

  test("launches a run once, however often it is announced", async () => {
    const run = await queueRun();
    const replies = await Promise.all(Array.from({ length: 5 }, () => dispatch({ run_id: run })));
    const outcomes = replies.map((reply) => reply.body.outcome).sort();
    expect(outcomes).toEqual(["gone", "gone", "gone", "gone", "launching"]);
    expect(await readRun(run)).toMatchObject({ attempt: 1 });
  });

  test("leaves a run alone that is not due yet", async () => {
    const run = await queueRun();
    await functions.db.sql("update corral.runs set run_after = corral.now() + interval '1 hour' where id = $1", [run]);
    expect(await dispatch({ run_id: run })).toMatchObject({ status: 200, body: { outcome: "not_due", run_id: run } });
    expect(await readRun(run)).toMatchObject({ state: "queued", attempt: 0 });
  });

  test("answers gone for a run that there is not", async () => {
    expect(await dispatch({ run_id: 999_999 })).toMatchObject({
      status: 200,
      body: { outcome: "gone", run_id: 999_999 },
    });
  });
});
