import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jobOf, taskOf } from "../db/fleet-scene.ts";
import { NO_TASK, startAgentApi, TIMING } from "./start-agent-api.ts";

let api: Awaited<ReturnType<typeof startAgentApi>>;
beforeAll(async () => {
  api = await startAgentApi();
});
afterAll(() => api.close());

describe("POST /agent/request_task", () => {
  test("answers all nulls when there is no work, and when to ask again", async () => {
    const { id } = await api.addAgent();
    const { status, body } = await api.post("request_task", { agent_id: id });
    expect(status).toBe(200);
    expect(body).toMatchObject({ ...NO_TASK, attempt: null, lease_expires_at: null, ...TIMING });
    expect(body.poll_after_seconds).toBeGreaterThan(1);
  });

  test("hands out a task with its job's files as they are, and the chunk as a URL that can be read", async () => {
    const { agent, job } = await api.addWork(1, { task_timeout_seconds: 60 });
    await api.bucket.file(`jobs/${job}/chunks/1.csv`).save("a,b\n1,2\n", { resumable: false });
    const { body } = await api.post("request_task", { agent_id: agent });
    expect(body).toMatchObject({
      task_id: job * 10_000_000 + 1,
      job_id: job,
      code_url: "https://example.com/train.py",
      requirements_url: null,
      attempt: 1,
      task_timeout_seconds: 60,
      poll_after_seconds: 0,
    });
    expect(Date.parse(body.lease_expires_at)).toBeGreaterThan(Date.now());
    expect(await (await fetch(body.chunk_data_url)).text()).toBe("a,b\n1,2\n");
  });

  test("gives all tasks of a job the same signed URLs of its code, and each its own chunk", async () => {
    const { agent, job } = await api.addWork(3, { code_url: "gs://bucket/jobs/x/code/train ü.py" });
    await api.bucket.file("jobs/x/code/train ü.py").save("print()", { resumable: false });
    const bodies = [];
    for (const request_id of ["a", "b", "c"]) {
      bodies.push((await api.post("request_task", { agent_id: agent, request_id })).body);
    }
    expect(bodies.map((body) => body.job_id)).toEqual([job, job, job]);
    expect(new Set(bodies.map((body) => body.code_url)).size).toBe(1);
    expect(new Set(bodies.map((body) => body.chunk_data_url)).size).toBe(3);
    expect(await (await fetch(bodies[0].code_url)).text()).toBe("print()");
  });

  test("signs nothing that is not named as gs://, whoever put it into the job", async () => {
    for (const code_url of [
      "https://storage.googleapis.com/bucket/jobs/1/data/data.csv",
      "https://bucket.storage.googleapis.com/jobs/1/data/data.csv",
      `${api.bucket.storage.apiEndpoint}/bucket/jobs/1/data/data.csv`,
      "GS://bucket/jobs/1/data/data.csv",
    ]) {
      const { agent } = await api.addWork(1, { code_url, requirements_url: code_url });
      const { body } = await api.post("request_task", { agent_id: agent });
      expect(body).toMatchObject({ code_url, requirements_url: code_url });
    }
  });

  test("gives a task again whose reply was lost, by the same request id or by none", async () => {
    const { agent } = await api.addWork(2);
    const ask = async (request_id?: string) => (await api.post("request_task", { agent_id: agent, request_id })).body;
    const first = await ask("one");
    expect(await ask("one")).toMatchObject({ task_id: first.task_id, attempt: 1 });
    expect(await ask()).toMatchObject({ task_id: first.task_id, attempt: 1 });
    expect((await ask("two")).task_id).not.toBe(first.task_id);
  });

  test("answers 404 in the seed's words for an agent that is not registered", async () => {
    expect(await api.post("request_task", { agent_id: "nobody" })).toMatchObject({
      status: 404,
      body: { detail: "Agent not registered" },
    });
  });
});

describe("POST /agent/complete_task", () => {
  const request = async (agent_id: string) => (await api.post("request_task", { agent_id })).body;

  test("answers in the seed's words, the same again, and sees to the end of the job", async () => {
    const { agent, job } = await api.addWork(2);
    for (let task = 1; task <= 2; task++) {
      const { task_id } = await request(agent);
      const done = { agent_id: agent, task_id, result_url: "https://example.com/results.csv", rows: 7 };
      for (let time = 1; time <= 2; time++) {
        expect(await api.post("complete_task", done)).toMatchObject({
          status: 200,
          body: { message: "Task marked as completed. Good job!", ...TIMING },
        });
      }
    }
    await expect.poll(() => jobOf(api.db, job)).toMatchObject({ status: "COMPLETED", completed_subtasks: 2 });
  });

  test("answers 404 for an unknown task and 400 for another's, in the seed's words", async () => {
    const { agent } = await api.addWork(1);
    const stranger = await api.addAgent();
    const { task_id } = await request(agent);
    const complete = (id: string, task: number) =>
      api.post("complete_task", { agent_id: id, task_id: task, result_url: "https://example.com/r.csv" });
    for (const id of [agent, "nobody"])
      expect(await complete(id, 55)).toMatchObject({ status: 404, body: { detail: "Subtask not found" } });
    for (const id of [stranger.id, "nobody"])
      expect(await complete(id, task_id)).toMatchObject({
        status: 400,
        body: { detail: "This task was not assigned to you", code: "task_not_assigned" },
      });
    expect((await taskOf(api.db, task_id)).state).toBe("RUNNING");
  });

  test("takes an empty result, and none", async () => {
    const { agent } = await api.addWork(3);
    for (const result of [{ result_url: "" }, { result_url: null }, {}]) {
      const { task_id } = await request(agent);
      expect((await api.post("complete_task", { agent_id: agent, task_id, ...result })).status).toBe(200);
      expect((await taskOf(api.db, task_id)).result_url).toBeNull();
    }
  });

  test("keeps a result's URL as the URL standard spells it, and answers 422 to what is none", async () => {
    const { agent } = await api.addWork(1);
    const { task_id } = await request(agent);
    const complete = (result_url: string) => api.post("complete_task", { agent_id: agent, task_id, result_url });
    for (const wrong of [
      "javascript:alert(1)",
      "not a url",
      "file:///etc/passwd",
      "results.csv",
      "GS://bucket/a",
      "https://",
    ]) {
      const { status, body } = await complete(wrong);
      expect.soft([status, body.detail?.[0]?.loc], wrong).toEqual([422, ["body", "result_url"]]);
    }
    const asDocumented = "https://supabase.../results chunk_0.csv\n";
    expect((await complete(asDocumented)).status).toBe(200);
    expect((await complete(asDocumented)).status).toBe(200);
    expect((await taskOf(api.db, task_id)).result_url).toBe("https://supabase.../results%20chunk_0.csv");
  });

  test("keeps an object of the bucket by its name, if it is the task's own result", async () => {
    const { agent, job } = await api.addWork(1);
    const { task_id } = await request(agent);
    const complete = (result_url: string) => api.post("complete_task", { agent_id: agent, task_id, result_url });
    for (const foreign of [
      "gs://bucket/jobs/1/data/data.csv",
      `gs://bucket/jobs/${job}/chunks/1.csv`,
      `https://storage.googleapis.com/bucket/jobs/${job}/results/${task_id + 1}/1/r.csv`,
      "https://bucket.storage.googleapis.com/raw/secret.zip",
    ]) {
      expect(await complete(foreign)).toMatchObject({ status: 403, body: { code: "result_not_yours" } });
    }
    // Whose the task is comes before where its result lies.
    const [elsewhere, stranger] = ["gs://bucket/raw/secret.zip", await api.addAgent()];
    for (const [agent_id, task, status, detail] of [
      [agent, 55, 404, "Subtask not found"],
      [stranger.id, task_id, 400, "This task was not assigned to you"],
    ] as const) {
      const reply = await api.post("complete_task", { agent_id, task_id: task, result_url: elsewhere });
      expect(reply).toMatchObject({ status, body: { detail } });
    }
    const object = `jobs/${job}/results/${task_id}/1/r.csv`;
    expect((await complete(`https://storage.googleapis.com/bucket/${object}?X-Goog-Signature=0`)).status).toBe(200);
    expect((await taskOf(api.db, task_id)).result_url).toBe(`gs://bucket/${object}`);
  });

  test("refuses an attempt that was handed to another since", async () => {
    const { agent } = await api.addWork(1);
    const { task_id } = await request(agent);
    await api.post("fail_task", { agent_id: agent, task_id, attempt: 1, reason: "out of memory", give_back: true });
    const again = await request(agent);
    expect(again).toMatchObject({ task_id, attempt: 2 });
    const complete = (attempt: number) =>
      api.post("complete_task", { agent_id: agent, task_id, attempt, result_url: "https://example.com/r" });
    expect(await complete(1)).toMatchObject({ status: 409, body: { code: "stale_attempt" } });
    expect((await complete(2)).status).toBe(200);
  });

  test("tells that the job was cancelled", async () => {
    const { agent, job } = await api.addWork(1);
    const { task_id } = await request(agent);
    await api.db.sql("select public.control_job($1, 'cancel', null, true)", [job]);
    const { status, body } = await api.post("complete_task", { agent_id: agent, task_id, result_url: "" });
    expect([status, body.code]).toEqual([409, "job_cancelled"]);
  });
});

describe("POST /agent/fail_task", () => {
  test("tries again, then fails for good with the reasons kept, and ends the job", async () => {
    const { agent, job } = await api.addWork(1, { max_attempts: 1 });
    const { task_id } = (await api.post("request_task", { agent_id: agent })).body;
    const fail = (more = {}) =>
      api.post("fail_task", { agent_id: agent, task_id, reason: "no such column: ü", ...more });
    expect(await fail()).toMatchObject({ status: 200, body: { outcome: "failed", message: expect.any(String) } });
    await expect.poll(() => jobOf(api.db, job)).toMatchObject({ status: "FAILED", failed_subtasks: 1 });
    expect(JSON.stringify((await jobOf(api.db, job)).failures)).toContain("no such column: ü");
  });

  test("hands a task out again that is given back, without counting a failure", async () => {
    const { agent } = await api.addWork(1, { max_attempts: 1 });
    for (let attempt = 1; attempt <= 2; attempt++) {
      const { task_id } = (await api.post("request_task", { agent_id: agent })).body;
      const given = await api.post("fail_task", { agent_id: agent, task_id, attempt, give_back: true });
      expect(given).toMatchObject({ status: 200, body: { outcome: "returned" } });
    }
  });

  test("answers as a completion does for unknown and for others' tasks", async () => {
    const { agent } = await api.addWork(1);
    const stranger = await api.addAgent();
    const { task_id } = (await api.post("request_task", { agent_id: agent })).body;
    expect(await api.post("fail_task", { agent_id: agent, task_id: 55 })).toMatchObject({
      status: 404,
      body: { detail: "Subtask not found" },
    });
    expect(await api.post("fail_task", { agent_id: stranger.id, task_id })).toMatchObject({
      status: 400,
      body: { detail: "This task was not assigned to you" },
    });
  });
});

describe("POST /agent/progress", () => {
  test("notes how far a task is, until it is no longer the agent's", async () => {
    const { agent, job } = await api.addWork(1);
    const { task_id } = (await api.post("request_task", { agent_id: agent })).body;
    const report = () =>
      api.post("progress", { agent_id: agent, task_id, progress: 0.5, message: "epoch 3\nloss 0.1" });
    expect(await report()).toMatchObject({ status: 200, body: { outcome: "continue", ...TIMING } });
    expect(await taskOf(api.db, task_id)).toMatchObject({ progress: 0.5, message: "epoch 3\nloss 0.1" });
    await api.db.sql("select public.control_job($1, 'cancel', null, true)", [job]);
    expect((await report()).body.outcome).toBe("stop");
  });

  test("answers 404 for an unknown task and 422 for more than all", async () => {
    const { id } = await api.addAgent();
    expect((await api.post("progress", { agent_id: id, task_id: 55 })).body.detail).toBe("Subtask not found");
    expect((await api.post("progress", { agent_id: id, task_id: 55, progress: 1.5 })).status).toBe(422);
  });
});
