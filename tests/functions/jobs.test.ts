import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addAgent, addJob, completeTask, createJob, requestTask, startRunOf } from "../db/fleet-scene.ts";
import { runOf, runsOf } from "../db/scene.ts";
import { startFunctions } from "./start-functions.ts";

type User = { id: string; token: string };
let functions: Awaited<ReturnType<typeof startFunctions>>;
let owner: User;
beforeAll(async () => {
  functions = await startFunctions();
  owner = await functions.createUser();
  await setOpenEnrollment(true);
});
afterAll(() => functions.close());

const setOpenEnrollment = (open: boolean) =>
  functions.db.sql("update corral.settings set open_enrollment = $1", [open]);

const read = (path: string, token: string | undefined = owner.token) => functions.call(`/jobs/${path}`, { token });
const steer = (job: unknown, action: string) =>
  functions.call(`/jobs/${job}/${action}`, { method: "POST", token: owner.token });

/** A job of the owner's that is split, and an agent that no other job is for. */
async function addWork(tasks: number, spec: Record<string, unknown> = {}) {
  const tags = [randomUUID()];
  const agent = await addAgent(functions.db, { tags });
  const { id } = await addJob(functions.db, tasks, { tags, user_id: owner.id, ...spec });
  return { agent, job: id };
}

async function claim(agent: string) {
  const { task_id, attempt } = await requestTask(functions.db, agent, { request_id: randomUUID() });
  return { task: Number(task_id), attempt };
}

const fail = (agent: string, task: number, reason: string) =>
  functions.db.sql("select public.fail_task($1, p_task => $2, p_reason => $3, p_retryable => false)", [
    agent,
    task,
    reason,
  ]);

describe("GET /jobs/{id}", () => {
  test("tells the seed's fields, and much more, of a job that is being split", async () => {
    const { id } = await createJob(functions.db, { user_id: owner.id, title: "Rain", chunks: 4, aggregate: "concat" });
    const { run } = await startRunOf(functions.db, id);
    await functions.db.sql("select public.report_progress($1, 1, 'splitting', $2)", [run, { rows: 12 }]);
    const { status, body } = await read(String(id));
    expect(status).toBe(200);
    expect(body).toEqual({
      id,
      title: "Rain",
      status: "PROCESSING",
      paused: false,
      created_at: expect.stringMatching(/^\d{4}-/),
      finished_at: null,
      user_id: owner.id,
      project_id: null,
      original_code_url: "https://example.com/train.py",
      original_requirements_url: null,
      original_data_url: "https://example.com/rain.csv",
      final_result_url: null,
      final_result_object: null,
      aggregate: "concat",
      result_details: null,
      total_subtasks: 0,
      completed_subtasks: 0,
      running_subtasks: 0,
      pending_subtasks: 0,
      failed_subtasks: 0,
      cancelled_subtasks: 0,
      tasks_per_minute: null,
      eta_seconds: null,
      progress: {
        id: Number(run),
        kind: "split",
        state: "running",
        attempt: 1,
        phase: "splitting",
        progress: { rows: 12 },
        error_code: null,
        error_message: null,
      },
      failures: [],
      error_code: null,
      error_message: null,
    });
  });

  test("counts tasks by their state, and tells pace, remaining time and failures", async () => {
    const { agent, job } = await addWork(5);
    await functions.db.sql("update corral.jobs set published_at = published_at - interval '2 minutes' where id = $1", [
      job,
    ]);
    for (let done = 0; done < 2; done++) await completeTask(functions.db, agent, (await claim(agent)).task);
    const failing = await claim(agent);
    await fail(agent, failing.task, "CUDA out of memory");
    await claim(agent);
    const { body } = await read(String(job));
    expect(body).toMatchObject({
      status: "RUNNING",
      total_subtasks: 5,
      completed_subtasks: 2,
      failed_subtasks: 1,
      running_subtasks: 1,
      pending_subtasks: 1,
      cancelled_subtasks: 0,
      failures: [{ task_id: failing.task, attempt: failing.attempt, reason: "CUDA out of memory" }],
    });
    expect(body.tasks_per_minute).toBeGreaterThan(0.9);
    expect(body.tasks_per_minute).toBeLessThanOrEqual(1);
    expect(body.eta_seconds).toBeCloseTo((2 / body.tasks_per_minute) * 60, 2);
    expect(JSON.stringify(body)).not.toContain(agent);
  });

  test("shows a result in the bucket by a URL that can be read, and files likewise", async () => {
    const { id } = await createJob(functions.db, { user_id: owner.id });
    const object = `jobs/${id}/final/model 1.pth`;
    await functions.bucket.file(object).save("weights");
    await functions.db.sql(
      `update corral.jobs set status = 'COMPLETED', finished_at = corral.now(), final_result_url = $2, code_url = $2,
              data_url = $2, requirements_url = $2, result_details = '{"rows": 3}' where id = $1`,
      [id, `gs://bucket/${object}`],
    );
    const { body } = await read(String(id));
    expect(body).toMatchObject({ final_result_object: `gs://bucket/${object}`, result_details: { rows: 3 } });
    for (const url of [
      body.final_result_url,
      body.original_code_url,
      body.original_data_url,
      body.original_requirements_url,
    ]) {
      expect(await (await fetch(url)).text()).toBe("weights");
    }
  });

  test("passes a result on as it is that lies elsewhere", async () => {
    const { id } = await createJob(functions.db, { user_id: owner.id });
    const url = "https://results.example.org/model.pth?key=1";
    await functions.db.sql("update corral.jobs set final_result_url = $2 where id = $1", [id, url]);
    expect((await read(String(id))).body).toMatchObject({ final_result_url: url, final_result_object: null });
  });
});

describe("an id that is no job's", () => {
  const PATHS = ["", "/cancel", "/pause", "/resume", "/retry_failed"];

  test.for([
    ["999999", 404],
    ["0", 404],
    ["900000000", 404],
    ["999999999999999", 404],
    ["9007199254740993", 422],
    ["9223372036854775808", 422],
    ["-1", 422],
    ["1.5", 422],
    ["1e3", 422],
    ["0x10", 422],
    ["rain", 422],
    ["%00", 422],
    ["%F0%9F%8C%A7", 422],
    ["1%20or%201", 422],
  ] as const)("%s is answered with %i wherever it is asked for", async ([id, status]) => {
    const detail = status === 404 ? "Job not found" : [expect.objectContaining({ loc: ["path", "id"] })];
    for (const path of PATHS) {
      const method = path === "" ? "GET" : "POST";
      const reply = await functions.call(`/jobs/${id}${path}`, { method, token: owner.token });
      expect(reply).toMatchObject({ status, body: { detail } });
    }
    expect(await read(`download/${id}`)).toMatchObject({ status, body: { detail } });
  });
});

describe("GET /jobs/list/{user_id}", () => {
  test("lists an owner's jobs, newest first, with the seed's fields", async () => {
    const user = await functions.createUser();
    const first = await createJob(functions.db, { user_id: user.id, title: "Rain" });
    const second = await createJob(functions.db, { user_id: user.id, title: "Snow" });
    const object = `jobs/${first.id}/final/model.pth`;
    await functions.bucket.file(object).save("weights");
    await functions.db.sql("update corral.jobs set final_result_url = $2 where id = $1", [
      first.id,
      `gs://bucket/${object}`,
    ]);
    const { status, body } = await read(`list/${user.id}`, user.token);
    expect(status).toBe(200);
    const common = {
      status: "PROCESSING",
      created_at: expect.stringMatching(/^\d{4}-/),
      original_code_url: "https://example.com/train.py",
      original_data_url: "https://example.com/rain.csv",
    };
    expect(body).toEqual([
      { ...common, id: second.id, title: "Snow", final_result_url: null, final_result_object: null },
      {
        ...common,
        id: first.id,
        title: "Rain",
        final_result_url: expect.stringMatching(/^http/),
        final_result_object: `gs://bucket/${object}`,
      },
    ]);
    expect(await (await fetch(body[1].final_result_url)).text()).toBe("weights");
  });

  test.for(["user-7", "7", "null", "00000000-0000-4000-8000-000000000000"])(
    "is empty for %s, who is nobody",
    async (user) => {
      expect(await read(`list/${user}`)).toMatchObject({ status: 200, body: [] });
    },
  );
});

describe("GET /jobs/download/{id}", () => {
  async function addResult() {
    const { id } = await createJob(functions.db, { user_id: owner.id, title: "Rain" });
    const object = `jobs/${id}/final/model.pth`;
    await functions.bucket.file(object).save("weights");
    await functions.db.sql(
      "update corral.jobs set status = 'COMPLETED', finished_at = corral.now(), final_result_url = $2 where id = $1",
      [id, `gs://bucket/${object}`],
    );
    return { id, object };
  }

  test("tells its owner where the result is", async () => {
    const { id, object } = await addResult();
    const { status, body } = await read(`download/${id}?user_id=${owner.id}`);
    expect(status).toBe(200);
    expect(body).toEqual({
      job_id: id,
      title: "Rain",
      status: "COMPLETED",
      final_result_url: expect.stringMatching(/^http/),
      final_result_object: `gs://bucket/${object}`,
    });
    expect(await (await fetch(body.final_result_url)).text()).toBe("weights");
    expect((await read(`download/${id}`)).status).toBe(200);
  });

  test("has no result yet while the job goes on", async () => {
    const { id } = await createJob(functions.db, { user_id: owner.id });
    expect(await read(`download/${id}?user_id=${owner.id}`)).toMatchObject({
      status: 200,
      body: { status: "PROCESSING", final_result_url: null },
    });
  });

  test("refuses others, and a user_id that is not the owner's, in the seed's words", async () => {
    const { id } = await addResult();
    const stranger = await functions.createUser();
    const refused = { status: 403, body: { detail: "Unauthorized: You do not own this job.", code: "job_not_yours" } };
    expect(await read(`download/${id}?user_id=${owner.id}`, stranger.token)).toMatchObject(refused);
    expect(await read(`download/${id}`, stranger.token)).toMatchObject(refused);
    expect(await read(`download/${id}?user_id=${stranger.id}`)).toMatchObject(refused);
    expect(await read(`download/${id}?user_id=user-7`)).toMatchObject(refused);
    expect(await functions.call(`/jobs/download/${id}?user_id=${owner.id}`)).toMatchObject(refused);
  });

  test("answers 404 for a job that there is not", async () => {
    expect(await read(`download/899999999?user_id=${owner.id}`)).toMatchObject({
      status: 404,
      body: { detail: "Job not found" },
    });
  });
});

describe("POST /jobs/{id}", () => {
  test("/cancel ends a job once, and its tasks with it", async () => {
    const { agent, job } = await addWork(3);
    await claim(agent);
    const cancelled = { status: 200, body: { job_id: job, status: "CANCELLED", tasks: 0 } };
    expect(await steer(job, "cancel")).toMatchObject(cancelled);
    expect(await steer(job, "cancel")).toMatchObject(cancelled);
    const { body } = await read(String(job));
    expect(body).toMatchObject({ status: "CANCELLED", cancelled_subtasks: 3, finished_at: expect.any(String) });
    expect((await claim(agent)).attempt).toBeNull();
  });

  test("/pause and /resume stop and start the handing out", async () => {
    const { agent, job } = await addWork(1);
    expect(await steer(job, "resume")).toMatchObject({ status: 200, body: { message: "The job is not paused." } });
    expect(await steer(job, "pause")).toMatchObject({ status: 200, body: { status: "RUNNING" } });
    expect((await read(String(job))).body).toMatchObject({ paused: true });
    expect((await claim(agent)).attempt).toBeNull();
    expect(await steer(job, "pause")).toMatchObject({ status: 200, body: { message: "The job is paused already." } });
    expect(await steer(job, "resume")).toMatchObject({ status: 200, body: { message: "Job resumed." } });
    expect((await read(String(job))).body).toMatchObject({ paused: false });
    expect((await claim(agent)).attempt).toBe(1);
  });

  test("/retry_failed hands out again what failed, and says how much that is", async () => {
    const { agent, job } = await addWork(2);
    expect(await steer(job, "retry_failed")).toMatchObject({ status: 200, body: { tasks: 0 } });
    const { task } = await claim(agent);
    await fail(agent, task, "no space left");
    expect(await steer(job, "retry_failed")).toMatchObject({
      status: 200,
      body: { job_id: job, status: "RUNNING", tasks: 1, message: "1 task is handed out again." },
    });
    expect((await read(String(job))).body).toMatchObject({ failed_subtasks: 0, pending_subtasks: 2 });
  });

  test.for(["pause", "resume", "retry_failed"])("/%s is refused once the job is over", async (action) => {
    const { job } = await addWork(1);
    await steer(job, "cancel");
    expect(await steer(job, action)).toMatchObject({
      status: 409,
      body: { detail: "The job is over: it is CANCELLED", code: "job_over" },
    });
  });

  test("/cancel works before the split, and on a draft", async () => {
    const { id: early } = await createJob(functions.db, { user_id: owner.id });
    const { id: draft } = await createJob(functions.db, { user_id: owner.id, draft: true });
    for (const job of [early, draft]) expect((await steer(job, "cancel")).body).toMatchObject({ status: "CANCELLED" });
    expect(await runOf(functions.db, String(early))).toMatchObject({ kind: "split", state: "cancelled" });
    expect(await runsOf(functions.db, String(draft))).toEqual([]);
  });
});

describe("the jobs API", () => {
  test("describes itself as OpenAPI", async () => {
    const { status, body } = await functions.call("/jobs/openapi.json");
    expect(status).toBe(200);
    expect(Object.keys(body.paths).sort()).toEqual([
      "/jobs",
      "/jobs/download/{id}",
      "/jobs/list/{user_id}",
      "/jobs/upload",
      "/jobs/upload_url",
      "/jobs/{id}",
      "/jobs/{id}/cancel",
      "/jobs/{id}/pause",
      "/jobs/{id}/resume",
      "/jobs/{id}/retry_failed",
    ]);
    const form = body.paths["/jobs/upload"].post.requestBody.content["multipart/form-data"].schema;
    expect(form.properties).toMatchObject({ file_data: { type: "string", format: "binary" }, chunks: {} });
    expect(body.paths["/jobs/{id}"].get.parameters).toMatchObject([{ name: "id", schema: { type: "integer" } }]);
    expect(body.paths["/jobs"].post.parameters).toMatchObject([{ name: "idempotency-key", in: "header" }]);
  });

  test("answers a wrong method 405 and an unknown path 404, in FastAPI's words", async () => {
    expect(await functions.call("/jobs")).toMatchObject({ status: 405, body: { detail: "Method Not Allowed" } });
    expect(await steer(1, "delete")).toMatchObject({ status: 404, body: { detail: "Not Found" } });
  });
});
